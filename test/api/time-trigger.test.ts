import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { newId } from "../../src/lib/new-id.js";
import { type Data, valueAt } from "../support/api-client.js";
import { ApiHarness } from "../support/api-harness.js";
import { createFunction, createTrigger, someName } from "../support/api-resources.js";

const FIELDS = `id name namespace revision enabled schedule timezone onMissed missedWindowSeconds overlap
  nextRuns(count: 2) lastRunAt status { condition reason } function { name }`;
const CREATE = `mutation ($input: CreateTimeTriggerInput!) { createTimeTrigger(input: $input) { ${FIELDS} } }`;
const UPDATE = `mutation ($input: UpdateTimeTriggerInput!) { updateTimeTrigger(input: $input) { ${FIELDS} } }`;
const SET = `mutation ($id: ID!, $on: Boolean!) { setTriggerEnabled(id: $id, enabled: $on) { enabled ... on TimeTrigger { nextRuns } } }`;

describe("time triggers", () => {
  let api: ApiHarness;
  let fn: string;
  beforeAll(async () => {
    api = await ApiHarness.start();
    fn = await createFunction(api.client);
  });
  afterAll(() => api.stop());

  const create = async (input: object): Promise<Data> => {
    const data = await api.client.ok(CREATE, { input: { name: someName(), function: fn, ...input } });
    return valueAt<Data>(data, "createTimeTrigger");
  };

  it("are created with the defaults of the schema, and say when they are due", async () => {
    const name = someName();
    const created = await create({ name, schedule: "0 0 1 1 *" });
    expect(created).toMatchObject({
      ...{ name, namespace: "default", revision: 1, enabled: true, schedule: "0 0 1 1 *", timezone: "UTC" },
      ...{ onMissed: "RUN_ONCE", missedWindowSeconds: 3600, overlap: "ALLOW", lastRunAt: null, function: { name: fn } },
      status: { condition: "UNKNOWN", reason: expect.stringContaining("role triggers") },
    });
    const year = new Date().getUTCFullYear();
    expect(created.nextRuns).toEqual([`${year + 1}-01-01T00:00:00.000Z`, `${year + 2}-01-01T00:00:00.000Z`]);
  });

  it.each(["*/10 * * * * *", "@hourly", "@every 90s", "0 9 * jan-mar mon-fri", "0 0 L * *"])(
    "take the schedule %s, in a time zone",
    async (schedule) => {
      const created = await create({ schedule, timezone: "Europe/Berlin" });
      expect(created).toMatchObject({ schedule, timezone: "Europe/Berlin", nextRuns: expect.any(Array) });
    },
  );

  it("keep what an update leaves out", async () => {
    const { id } = await create({ schedule: "0 4 * * *", timezone: "Asia/Tokyo", overlap: "SKIP" });
    const input = { id, schedule: "0 5 * * *", onMissed: "SKIP", missedWindowSeconds: 60 };
    expect(await api.client.ok(UPDATE, { input: { ...input, expectedRevision: 1 } })).toMatchObject({
      updateTimeTrigger: {
        ...input,
        revision: 2,
        timezone: "Asia/Tokyo",
        overlap: "SKIP",
      },
    });
    const other = await createFunction(api.client);
    expect(await api.client.ok(UPDATE, { input: { id, function: other } })).toMatchObject({
      updateTimeTrigger: { revision: 3, schedule: "0 5 * * *", function: { name: other } },
    });
  });

  it("are never due while they are off", async () => {
    const { id } = await create({ schedule: "@hourly" });
    expect(await api.client.ok(SET, { id, on: false })).toEqual({
      setTriggerEnabled: { enabled: false, nextRuns: [] },
    });
    const on = await api.client.ok(SET, { id, on: true });
    expect(valueAt<string[]>(on, "setTriggerEnabled.nextRuns")).toHaveLength(5);
  });

  it.each([
    ["schedule", { schedule: "" }, /five or six/],
    ["schedule", { schedule: "61 * * * *" }, /field 1, the minute,/],
    ["schedule", { schedule: "0 0 * * * funday" }, /field 6, the day of the week,/],
    ["schedule", { schedule: "* 5-1 * * *" }, /field 2, the hour, has the range 5-1, which runs backwards/],
    [
      "schedule",
      { schedule: "0 9 * * fri-mon" },
      /field 5, the day of the week, has the range fri-mon, which runs back/,
    ],
    ["schedule", { schedule: "* * * * * * 2030" }, /five or six/],
    ["schedule", { schedule: "2030-01-01T00:00:00" }, /five or six/],
    ["schedule", { schedule: "@reboot" }, /five or six/],
    ["schedule", { schedule: "@every 5 minutes" }, /1h30m/],
    ["schedule", { schedule: "@every 0s" }, /1s to 8784h/],
    ["schedule", { schedule: "0 0 31 2 *" }, /no such day/],
    ["schedule", { schedule: "* ".repeat(2_000) }, /five or six/],
    ["timezone", { timezone: "Mars/Olympus" }, /IANA/],
    ["missedWindowSeconds", { missedWindowSeconds: -1 }, /from 0/],
    ["missedWindowSeconds", { missedWindowSeconds: 9_999_999 }, /from 0/],
    ["name", { name: "No Label" }, /must be/],
    ["function", { function: "No Label" }, /must be/],
  ])("refuse a wrong %s and say what would be right: %j", async (field, wrong, words) => {
    const input = { name: someName(), function: fn, schedule: "@hourly", ...wrong };
    const error = await api.client.refused(CREATE, { input });
    expect(error).toMatchObject({ code: "BAD_USER_INPUT", field, message: expect.stringMatching(words) });
  });

  it("refuse a wrong update, of what the caller has not seen, of another kind, or of none", async () => {
    const id = await createTrigger(api.client, "TimeTrigger", { function: fn });
    const queue = await createTrigger(api.client, "QueueTrigger", { function: fn });
    for (const [input, expected] of [
      [
        { id, schedule: "?!" },
        { code: "BAD_USER_INPUT", field: "schedule" },
      ],
      [
        { id, timezone: "Nowhere" },
        { code: "BAD_USER_INPUT", field: "timezone" },
      ],
      [
        { id, schedule: "@daily", expectedRevision: 7 },
        { code: "CONFLICT", field: "expectedRevision" },
      ],
      [
        { id, function: someName() },
        { code: "NOT_FOUND", field: "function" },
      ],
      [
        { id: queue, schedule: "@daily" },
        { code: "NOT_FOUND", field: "id" },
      ],
      [{ id: newId() }, { code: "NOT_FOUND", field: "id" }],
      [{ id: "no id" }, { code: "BAD_USER_INPUT", field: "id" }],
    ] as const) {
      expect(await api.client.refused(UPDATE, { input })).toMatchObject(expected);
    }
  });

  it("are refused where the function is none, or the name is taken by one of their kind", async () => {
    const nobody = { name: someName(), function: someName(), schedule: "@daily" };
    expect(await api.client.refused(CREATE, { input: nobody })).toMatchObject({ code: "NOT_FOUND", field: "function" });
    const name = someName();
    await createTrigger(api.client, "QueueTrigger", { name, function: fn });
    await createTrigger(api.client, "TimeTrigger", { name, function: fn });
    const again = await api.client.refused(CREATE, { input: { name, function: fn, schedule: "@daily" } });
    expect(again).toMatchObject({ code: "ALREADY_EXISTS", field: "name" });
  });

  it("tell at most 100 times", async () => {
    const id = await createTrigger(api.client, "TimeTrigger", { function: fn });
    const query = `query ($id: ID!, $count: Int!) { trigger(id: $id) { ... on TimeTrigger { nextRuns(count: $count) } } }`;
    expect(valueAt<string[]>(await api.client.ok(query, { id, count: 100 }), "trigger.nextRuns")).toHaveLength(100);
    for (const count of [0, 101]) {
      expect(await api.client.refused(query, { id, count })).toMatchObject({ code: "BAD_USER_INPUT", field: "count" });
    }
  });
});
