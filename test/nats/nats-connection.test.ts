import { getEventListeners } from "node:events";
import { afterEach, describe, expect, it, jest } from "@jest/globals";
import { systemClock } from "../../src/lib/clock.js";
import { silentLogger } from "../../src/lib/logger.js";
import { NatsLink } from "../../src/triggers/queue/nats-connection.js";
import { eventually } from "../support/harness.js";

/** A port of loopback on which nobody listens. */
const nowhere = "nats://127.0.0.1:9";

describe("NatsLink, with NATS away", () => {
  afterEach(() => void jest.restoreAllMocks());

  it("leaves no listener behind, however often it tries again", async () => {
    const added = jest.spyOn(EventTarget.prototype, "addEventListener");
    const pauses: number[] = [];
    const clock = {
      ...systemClock,
      after: (ms: number, task: () => void) => (pauses.push(ms), systemClock.after(0, task)),
    };
    const link = new NatsLink({ url: nowhere, credentialsFile: null, logger: silentLogger, clock });
    const leave = new AbortController();
    const ready = link.ready(leave.signal).catch(() => undefined);
    await eventually(() => expect(pauses.length).toBeGreaterThan(20));
    const signals = new Set(added.mock.contexts.filter((one) => one instanceof AbortSignal));
    expect(signals.size).toBeGreaterThan(1);
    expect([...signals].filter((signal) => getEventListeners(signal, "abort").length > 1)).toEqual([]);
    leave.abort();
    await Promise.all([ready, link.stop()]);
  });
});
