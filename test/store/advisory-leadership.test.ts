import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import pg from "pg";
import { AdvisoryLeadership, type LeadershipTiming } from "../../src/store/advisory-leadership.js";
import { newId } from "../../src/lib/new-id.js";
import { testDatabase, type TestDatabase } from "../support/test-database.js";
import { TcpProxy } from "./support/tcp-proxy.js";

/** A fifth of what it is by default. */
const timing: LeadershipTiming = {
  ...{ retryMs: 200, confirmEveryMs: 400, answerWithinMs: 400, validMs: 1_000, silentMs: 1_200 },
};

/** One that competes, and what became of its terms. */
class Candidate {
  readonly leadership: AdvisoryLeadership;
  began = 0;
  ended = 0;
  /** While true, a term does not end though it is asked to. */
  isSlow = false;
  heldAtEnd: boolean[] = [];

  constructor(url: string, name: string, holder: string) {
    this.leadership = new AdvisoryLeadership({ url, name, holder, timing });
    this.leadership.start(async (signal) => {
      this.began++;
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        signal.addEventListener("abort", () => resolve());
      });
      while (this.isSlow) await new Promise((resolve) => setTimeout(resolve, 5));
      this.heldAtEnd.push(this.leadership.isHeld);
      this.ended++;
    });
  }

  get leads(): boolean {
    return this.leadership.isHeld && this.began > this.ended;
  }
}

describe("AdvisoryLeadership", () => {
  let database: TestDatabase;
  let name: string;
  const candidates: Candidate[] = [];
  const proxies: TcpProxy[] = [];

  beforeAll(async () => {
    database = await testDatabase();
  });
  afterEach(async () => {
    for (const candidate of candidates) candidate.isSlow = false;
    await Promise.all(candidates.splice(0).map(({ leadership }) => leadership.stop()));
    for (const proxy of proxies.splice(0)) await proxy.goAway();
  });
  afterAll(() => database.drop());

  const candidate = (holder: string, url = database.url): Candidate => {
    const made = new Candidate(url, name, holder);
    candidates.push(made);
    return made;
  };
  const proxied = async (): Promise<TcpProxy> => {
    const proxy = await TcpProxy.before(database.url);
    proxies.push(proxy);
    return proxy;
  };
  /** Waits, and looks all the time whether two hold at once. */
  const until = async (isSo: () => boolean, withinMs = 8_000): Promise<void> => {
    const deadline = performance.now() + withinMs;
    while (!isSo()) {
      expect(candidates.filter(({ leadership }) => leadership.isHeld).length).toBeLessThanOrEqual(1);
      if (performance.now() > deadline) throw new Error("Waited in vain");
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  const aLeader = async (url?: string): Promise<Candidate> => {
    name = newId();
    const first = candidate("the first", url);
    await until(() => first.leads);
    return first;
  };

  it("lets one of several lead, and the others know who", async () => {
    const first = await aLeader();
    const second = candidate("the second");
    await until(() => second.leadership.describe() === "Another process leads: the first.");
    expect(first.leadership.describe()).toBe("This process leads (the first).");
    expect(second.leads).toBe(false);
  });

  it("lets another one lead when the first stops, which holds until its term has ended", async () => {
    const first = await aLeader();
    const second = candidate("the second");
    first.isSlow = true;
    const stopped = first.leadership.stop();
    await until(() => second.leadership.describe().includes("the first"));
    // Longer than an answer is relied on.
    const asked = performance.now();
    await until(() => performance.now() - asked > 1_500);
    expect(first.leadership.isHeld).toBe(true);
    first.isSlow = false;
    await stopped;
    expect(first.heldAtEnd).toEqual([true]);
    await until(() => second.leads);
  });

  it("ends the term at once when the connection is lost, and competes again", async () => {
    const first = await aLeader();
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'the first' AND datname = current_database()`,
    );
    await client.end();
    await until(() => first.ended === 1, 500);
    expect(first.heldAtEnd).toEqual([false]);
    await until(() => first.leads && first.began === 2);
  });

  it("leads no more when the store does not answer, before another one leads", async () => {
    const proxy = await proxied();
    const first = await aLeader(proxy.url);
    const second = candidate("the second");
    proxy.freeze();
    await until(() => !first.leadership.isHeld, 1_500);
    await until(() => first.ended === 1);
    await until(() => second.leads);
    expect(first.leads).toBe(false);
  });

  it("says why nobody leads while the store is away, and leads when it is back", async () => {
    const proxy = await proxied();
    await proxy.goAway();
    name = newId();
    const first = candidate("the first", proxy.url);
    await until(() => first.leadership.describe().startsWith("Nobody can be made to lead"));
    await proxy.comeBack();
    await until(() => first.leads);
  });
});
