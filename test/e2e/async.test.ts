/** Asynchronous invocations of slow functions: how many run at a time, and what is told of those that wait. */
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { eventually, startFermi, type Fermi } from "../support/harness.js";

interface Told {
  readonly id: string;
  readonly status: string;
  readonly attempts: number;
}

describe("Asynchronous invocations of a slow function", () => {
  let fermi: Fermi;
  beforeAll(async () => {
    fermi = await startFermi();
    await fermi.ok(`mutation { createEnvironment(input: { name: "node", image: "fermi/nodejs" }) { id } }`);
  }, 60_000);
  afterAll(() => fermi.stop());

  /** A function that runs until it is called off. */
  const create = async (name: string, settings: object): Promise<void> => {
    const source = `export default ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", resolve));`;
    await fermi.ok(`mutation ($input: CreateFunctionInput!) { createFunction(input: $input) { id } }`, {
      input: { name, environment: "node", source, settings: { timeoutSeconds: 300, ...settings } },
    });
  };
  const enqueue = async (name: string, count: number): Promise<void> => {
    for (let at = 0; at < count; at++) {
      await fermi.ok(`mutation ($name: String!) { enqueueInvocation(input: { function: $name }) { id } }`, { name });
    }
  };
  const told = async (name: string): Promise<readonly Told[]> => {
    const { invocations } = await fermi.ok<{ invocations: { nodes: Told[] } }>(
      `query ($name: String!) {
        invocations(filter: { function: $name, status: [QUEUED, RUNNING] }, first: 50) { nodes { id status attempts } }
      }`,
      { name },
    );
    return invocations.nodes;
  };
  const cancel = async (id: string): Promise<number> => {
    const { cancelInvocation } = await fermi.ok<{ cancelInvocation: Told }>(
      `mutation ($id: ID!) { cancelInvocation(id: $id) { attempts } }`,
      { id },
    );
    return cancelInvocation.attempts;
  };
  const cancelAll = async (name: string): Promise<void> => {
    for (const { id } of await told(name)) await cancel(id);
  };

  it("run as many at a time as there is room for, though none ends", async () => {
    await create("roomy", { maxInstances: 2, requestsPerInstance: 10 });
    await enqueue("roomy", 12);
    await eventually(async () => {
      expect((await told("roomy")).filter(({ status }) => status === "RUNNING")).toHaveLength(12);
    }, 20_000);
    await cancelAll("roomy");
  }, 60_000);

  it("are QUEUED, and no attempt yet, while they wait for room", async () => {
    await create("narrow", { maxInstances: 1, requestsPerInstance: 1 });
    await enqueue("narrow", 4);
    const shown = async (): Promise<string[]> =>
      (await told("narrow")).map(({ status, attempts }) => `${status} ${attempts}`).sort();
    await eventually(async () => expect(await shown()).toEqual(["QUEUED 0", "QUEUED 0", "QUEUED 0", "RUNNING 1"]));
    await eventually(async () => {
      expect(await (await fetch(`${fermi.apiUrl}/metrics`)).text()).toMatch(/^fermi_async_begun 4$/m);
    }, 10_000);
    const all = await told("narrow");
    const [running, waiting] = ["RUNNING", "QUEUED"].map((wanted) => all.find(({ status }) => status === wanted)?.id);
    // Also of what a worker has taken it is no attempt as long as no instance has it.
    expect([await cancel(waiting ?? ""), await cancel(running ?? "")]).toEqual([0, 1]);
    await eventually(async () => expect(await shown()).toEqual(["QUEUED 0", "RUNNING 1"]));
    await cancelAll("narrow");
  }, 60_000);
});
