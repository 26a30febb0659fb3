import { describe, expect, it } from "@jest/globals";
import { page, triggerNode } from "./fake-api.js";
import { fermi, throws } from "./run-fermi.js";

const uuid = "019a0000-0000-7000-8000-000000000000";

const kinds = [
  [
    "timer",
    "TimeTrigger",
    ["--cron", "@hourly"],
    { schedule: "@hourly" },
    "@hourly (UTC), due next 2030-01-01T01:00:00.000Z",
  ],
  ["watch", "KubernetesWatchTrigger", ["--kind", "Pod"], { kind: "Pod" }, "every Pod (v1) in all namespaces"],
  ["queue", "QueueTrigger", ["--topic", "orders"], { topic: "orders" }, "topic orders (POSTGRES)"],
] as const;

describe.each(kinds)("fermi %s", (word, type, needed, field, sentence) => {
  const node = (change: object = {}): object => triggerNode(type, change);
  const triggers = (args: never): object => page([node({ id: "t0", name: "ho" }), node()], args);

  it("creates one, and tells what it does", async () => {
    const line = [word, "create", "hi", "--function", "hi", ...needed];
    const { stdout, input } = await fermi(line, { [`create${type}`]: () => node() });
    expect(stdout).toBe(`${word} hi created: ${sentence}\n`);
    expect(input).toEqual({ namespace: "default", name: "hi", function: "hi", ...field });
  });

  it("asks for what is missing", async () => {
    expect(await fermi(`${word} create hi ${needed.join(" ")}`, {})).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("--function is missing"),
    });
    expect(await fermi(`${word} create hi --function hi`, {})).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining(`${needed[0]} is missing`),
    });
    expect(await fermi(`${word} update hi`, {})).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("nothing to change"),
    });
  });

  it("lists them, and shows one with the reason why it fails", async () => {
    const list = await fermi(`${word} list -A`, { triggers });
    expect(list.stdout).toMatch(/^NAMESPACE +NAME +FUNCTION .*STATUS +AGE\ndefault +ho +hi .*READY.*\ndefault +hi /);
    const status = { condition: "FAILING", reason: "Its function answered 500.", since: "2030-01-01T00:00:00.000Z" };
    const failing = await fermi(`${word} get hi`, { triggers: (args: never) => page([node({ status })], args) });
    expect(failing.stdout).toContain("FAILING");
    expect(failing.stderr).toBe("Its function answered 500.");
    const json = await fermi(`${word} get hi -o json`, { triggers });
    expect(JSON.parse(json.stdout)).toMatchObject({ name: "hi", status: { condition: "READY" } });
    expect(await fermi(`${word} get gone`, { triggers })).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining(`no ${word} gone in namespace default`),
    });
  });

  it("finds by name, or by id, what it changes", async () => {
    const fields = {
      triggers,
      [`update${type}`]: () => node({ revision: 2 }),
      setTriggerEnabled: () => node(),
      deleteTrigger: () => node(),
      trigger: () => node({ id: uuid, namespace: "shop", name: "ho" }),
    };
    const updated = await fermi(`${word} update hi --function ho --revision 1`, fields);
    expect(updated.input).toEqual({ id: "t1", function: "ho", expectedRevision: 1 });
    expect(updated.stdout).toBe(`${word} hi updated: ${sentence}\n`);
    const disabled = await fermi(`${word} disable hi`, fields);
    expect(disabled.api.requests.at(-1)?.variables).toEqual({ id: "t1", enabled: false });
    expect(disabled.stdout).toBe(`${word} hi disabled\n`);
    const enabled = await fermi(`${word} enable ${uuid}`, fields);
    expect(enabled.api.requests.map(({ variables }) => variables)).toEqual([{ id: uuid }, { id: uuid, enabled: true }]);
    expect((await fermi(`${word} delete ${uuid}`, fields)).stdout).toBe(`${word} ho deleted\n`);
  });

  it("takes an id for a name where it is that, or another kind's", async () => {
    const other = type === "TimeTrigger" ? "QueueTrigger" : "TimeTrigger";
    for (const trigger of [null, triggerNode(other, { id: uuid })]) {
      const fields = { trigger: () => trigger, triggers: (args: never) => page([node({ name: uuid })], args) };
      expect((await fermi(`${word} get ${uuid} -o json`, fields)).stdout).toContain(`"t1"`);
      expect(await fermi(`${word} get ${uuid}`, { ...fields, triggers })).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining(`no ${word} ${uuid} in namespace default`),
      });
    }
  });

  it("reads no further than to the name", async () => {
    const many = Array.from({ length: 450 }, (_, at) => node({ name: `hi${at}` }));
    const { api } = await fermi(`${word} get hi7`, { triggers: (args: never) => page(many, args) });
    expect(api.requests).toHaveLength(1);
  });
});

describe("fermi timer", () => {
  const triggers = (args: never): object => page([triggerNode("TimeTrigger")], args);

  it("takes its policies in small letters, and names flags for fields", async () => {
    const line = ["timer", "create", "hi", "--function", "hi", "--cron", "0 4 * * *", "--timezone", "Asia/Tokyo"];
    const more = ["--on-missed", "run-once", "--missed-window", "60", "--overlap", "skip"];
    const { input } = await fermi([...line, ...more], { createTimeTrigger: () => triggerNode("TimeTrigger") });
    expect(input).toMatchObject({
      ...{
        schedule: "0 4 * * *",
        timezone: "Asia/Tokyo",
        onMissed: "RUN_ONCE",
        missedWindowSeconds: 60,
        overlap: "SKIP",
      },
    });
    const refused = await fermi(line, {
      createTimeTrigger: throws("BAD_USER_INPUT", "schedule must be cron.", "schedule"),
    });
    expect(refused.stderr).toBe("fermi: --cron must be cron");
    expect(await fermi([...line, "--overlap", "maybe"], {})).toMatchObject({ exitCode: 2 });
  });

  it("shows its policies where there is room, and says what they are where none is given", async () => {
    const { stdout } = await fermi("timer get hi", { triggers });
    expect(stdout).toMatch(/ ON MISSED +MISSED WINDOW +OVERLAP .*\n.* RUN_ONCE +3600s +ALLOW /);
    expect((await fermi("timer list", { triggers })).stdout).not.toContain("OVERLAP");
    const help = (await fermi("timer create --help", {})).stdout.replaceAll(/\s+/g, " ");
    for (const word of ["RUN_ONCE", "3600", "ALLOW"]) expect(help).toContain(`; ${word} where never given`);
  });

  it("tells when one is due next", async () => {
    const nextRuns = ({ count }: { count: number }): string[] =>
      Array.from({ length: count }, (_, at) => `2030-01-01T0${at}:00:00.000Z`);
    const trigger = (): object => triggerNode("TimeTrigger", { nextRuns });
    const { stdout } = await fermi("timer next hi --count 2", { triggers, trigger });
    expect(stdout).toBe("NEXT\n2030-01-01T00:00:00.000Z\n2030-01-01T01:00:00.000Z\n");
    const off = await fermi("timer next hi", { triggers, trigger: () => triggerNode("TimeTrigger", { nextRuns: [] }) });
    expect(off).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("is off") });
  });
});

describe("fermi watch and fermi queue", () => {
  it("tell what is taken away from what is left out", async () => {
    const watches = (args: never): object => page([triggerNode("KubernetesWatchTrigger")], args);
    const watch = await fermi("watch update hi --no-labels --watch-namespace shop", {
      triggers: watches,
      updateKubernetesWatchTrigger: () => triggerNode("KubernetesWatchTrigger", { revision: 2 }),
    });
    expect(watch.input).toEqual({ id: "t1", labelSelector: null, watchNamespace: "shop" });
    const queues = (args: never): object => page([triggerNode("QueueTrigger")], args);
    const queue = await fermi("queue update hi --no-error-topic --max-attempts 7", {
      triggers: queues,
      updateQueueTrigger: () => triggerNode("QueueTrigger", { revision: 2 }),
    });
    expect(queue.input).toEqual({ id: "t1", errorTopic: null, maxAttempts: 7 });
  });

  it("refuse to set what is taken away by the same command", async () => {
    for (const flags of ["--no-error-topic --error-topic x", "--error-topic x --no-error-topic"]) {
      expect(await fermi(`queue update hi ${flags}`, {})).toMatchObject({
        exitCode: 2,
        stderr: "fermi: --error-topic and --no-error-topic can't both be meant",
      });
    }
  });

  it("take a broker in small letters, and say which there are", async () => {
    const line = "queue create hi --function hi --topic orders --broker";
    const { input } = await fermi(`${line} nats`, { createQueueTrigger: () => triggerNode("QueueTrigger") });
    expect(input).toMatchObject({ broker: "NATS" });
    const refused = await fermi(`${line} kafka`, {});
    expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("POSTGRES, NATS") });
  });

  it("speak of watches", async () => {
    const none = await fermi("watch list", { triggers: (args: never) => page([], args) });
    expect(none.stderr).toBe("no watches in namespace default");
    expect((await fermi("watch --help", {})).stdout).toContain("list watches");
  });

  it("show how much waits, where that is known", async () => {
    const nodes = [triggerNode("QueueTrigger", { backlog: 7 }), triggerNode("QueueTrigger", { backlog: null })];
    const { stdout } = await fermi("queue list", { triggers: (args: never) => page(nodes, args) });
    expect(stdout).toMatch(/ BACKLOG .*\n.* 7 .*\n/);
  });
});
