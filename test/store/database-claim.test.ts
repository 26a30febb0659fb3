import { afterAll, beforeAll, expect, describe, it } from "@jest/globals";
import { systemClock } from "../../src/lib/clock.js";
import { silentLogger } from "../../src/lib/logger.js";
import { newId } from "../../src/lib/new-id.js";
import { DatabaseClaim } from "../../src/store/database-claim.js";
import { testDatabase, type TestDatabase } from "../support/test-database.js";

describe("A claim of a database", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase();
  });
  afterAll(() => database.drop());

  it("is refused as soon as the holder has shown that it lives, and says until then that it waits", async () => {
    const name = newId();
    const of = (holder: string): { url: string; name: string; holder: string } => ({ url: database.url, name, holder });
    const first = new DatabaseClaim({ ...of("the first"), logger: silentLogger });
    await first.start();
    const told: string[] = [];
    const logger = { ...silentLogger, info: (_fields: object, message: string) => void told.push(message) };
    // On this one's clock no time passes, so it never gives up for having waited long enough.
    const clock = { ...systemClock, monotonicMs: () => 0 };
    const second = new DatabaseClaim({ ...of("the second"), clock, logger });
    const refused = second.start();
    await expect(refused).rejects.toMatchObject({ code: "IN_USE", message: expect.stringContaining("the first") });
    expect(told).toEqual([expect.stringContaining("another Fermi has this database; waiting, 10 s at most")]);
    await first.stop();
    await second.start();
    await second.stop();
  });
});
