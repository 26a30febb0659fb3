import { describe, expect, it } from "@jest/globals";
import { RunLedger } from "../../../../src/triggers/timer/run-ledger.js";
import type { RunAnswer, RunAsked, RunFinished } from "../../../../src/triggers/timer/timer-runs.js";
import { settled } from "../../poolmgr/support/fake-clock.js";

const dueAt = new Date(0);
const asking = (triggerId: string): RunAsked => ({ triggerId, revision: 1, dueAt });

function stage() {
  const written: string[] = [];
  const store = { isAway: false };
  const note = (what: string, some: readonly { readonly triggerId: string }[]): void => {
    if (store.isAway) throw new Error("the store is away");
    written.push(`${what} ${some.map(({ triggerId }) => triggerId).join(",")}`);
  };
  const ledger = new RunLedger({
    ask: async (asked) => {
      note("ask", asked);
      return new Map(asked.map(({ triggerId }): [string, RunAnswer] => [triggerId, { outcome: "KNOWN" }]));
    },
    finish: async (finished: readonly RunFinished[]) => note("finish", finished),
  });
  return { ledger, written, store };
}

describe("RunLedger", () => {
  it("asks at once for what is due at one moment, each trigger once, and notes ends first", async () => {
    const { ledger, written } = stage();
    ledger.finish({ triggerId: "z", dueAt });
    await Promise.all(["a", "b", "a", "c"].map((id) => ledger.ask(asking(id))));
    expect(written).toEqual(["finish z", "ask a,b,c", "ask a"]);
  });

  it("leaves nobody waiting who asks as soon as another one was answered", async () => {
    const { ledger } = stage();
    for (let hops = 0; hops < 12; hops++) {
      let later: Promise<RunAnswer> | undefined;
      let step: Promise<unknown> = ledger.ask(asking("first"));
      for (let hop = 0; hop < hops; hop++) step = step.then(() => undefined);
      await step.then(() => void (later = ledger.ask(asking("second"))));
      for (let turn = 0; turn < 5; turn++) await settled();
      expect(await Promise.race([later, settled().then(() => "waits")])).toEqual({ outcome: "KNOWN" });
    }
  });

  it("tells who asked that the store is away, and notes ends with the next occasion", async () => {
    const { ledger, written, store } = stage();
    store.isAway = true;
    ledger.finish({ triggerId: "z", dueAt });
    await ledger.settled();
    await expect(ledger.ask(asking("a"))).rejects.toThrow("away");
    store.isAway = false;
    await ledger.ask(asking("a"));
    await ledger.settled();
    expect([...written].sort()).toEqual(["ask a", "finish z"]);
  });
});
