/** What goes on while a process of an installation is stopped, killed or cut off from the database. */
import http from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { CuttingProxy } from "../records/support/cutting-proxy.js";
import { eventually } from "../support/harness.js";
import { Installation, type RoleProcess } from "./support/installation.js";

/** One request over a connection that is kept. */
function get(url: string, agent: http.Agent): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent, timeout: 30_000 }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => (body += chunk.toString()));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
      response.on("error", reject);
    });
    request.on("timeout", () => request.destroy(new Error("no answer in time")));
    request.on("error", reject);
  });
}

/** Sends requests to the routers that are ready, as a load balancer in front of them would, until it is stopped. */
class Load {
  readonly outcomes: string[] = [];
  /** As long as a load balancer may take to see that one is not ready any more. */
  readonly #everyMs = 100;
  readonly #agent = new http.Agent({ keepAlive: true });
  readonly #ready = new Set<RoleProcess>();
  #isStopped = false;
  readonly #running: Promise<unknown>;

  constructor(
    private readonly routers: readonly RoleProcess[],
    private readonly path: string,
  ) {
    for (const router of routers) this.#ready.add(router);
    this.#running = Promise.all([
      ...routers.map((router) => this.#probe(router)),
      ...[0, 1, 2, 3].map(() => this.#send()),
    ]);
  }

  async stop(): Promise<string[]> {
    this.#isStopped = true;
    await this.#running;
    this.#agent.destroy();
    return this.outcomes;
  }

  async #probe(router: RoleProcess): Promise<void> {
    while (!this.#isStopped) {
      const [status] = await router.health("readyz").catch(() => [0]);
      if (status === 200) this.#ready.add(router);
      else this.#ready.delete(router);
      await new Promise((resolve) => setTimeout(resolve, this.#everyMs));
    }
  }

  async #send(): Promise<void> {
    for (let turn = 0; !this.#isStopped; turn++) {
      const ready = [...this.#ready];
      const router = ready[turn % ready.length] ?? this.routers[0];
      const outcome = await get(`${router?.url ?? ""}${this.path}`, this.#agent).then(
        ({ status, body }) => `${status} ${body}`,
        (error: unknown) => String(error),
      );
      this.outcomes.push(outcome);
    }
  }
}

async function deploy(fermi: Installation, name: string, source: string, settings: object = {}): Promise<string> {
  await fermi.gql(`mutation { createEnvironment(input: {name: "node", image: "fermi/nodejs"}) { id } }`);
  await fermi.ok(
    `mutation($name: String!, $source: String!, $settings: RunSettingsInput, $path: String!) {
      createFunction(input: {name: $name, environment: "node", source: $source, settings: $settings}) { id }
      createHttpTrigger(input: {function: $name, path: $path}) { id }
    }`,
    { name, source, settings, path: `/${name}` },
  );
  for (const router of fermi.all("router")) {
    await eventually(async () => expect((await fetch(`${router.url}/${name}`, { method: "PUT" })).status).toBe(405));
  }
  return `/${name}`;
}

const answering = (text: string): string => `module.exports = async () => ({ status: 200, body: "${text}" });`;

describe("an installation in which something ends", () => {
  let fermi: Installation;
  let proxy: CuttingProxy;
  beforeAll(async () => {
    fermi = await Installation.start({
      env: { FERMI_DRAIN_SECONDS: "1" },
      throughProxy: async (url) => {
        proxy = new CuttingProxy(new URL(url));
        return proxy.start();
      },
    });
  }, 90_000);
  afterAll(async () => {
    await fermi.stop();
    await proxy.stop();
  }, 60_000);

  it("loses no request while its routers are restarted, one after the other", async () => {
    const path = await deploy(fermi, "steady", answering("steady"), { requestsPerInstance: 10 });
    for (const router of fermi.all("router")) expect(await (await fetch(router.url + path)).text()).toBe("steady");
    const load = new Load(fermi.all("router"), path);
    for (const router of fermi.all("router")) {
      expect(await router.end()).toBe(0);
      await (await router.start()).ready();
    }
    const outcomes = await load.stop();
    expect(outcomes.filter((outcome) => outcome !== "200 steady")).toEqual([]);
    expect(outcomes.length).toBeGreaterThan(100);
    await eventually(async () => {
      const { function: fn } = await fermi.ok<{ function: { stats: { total: number } } }>(
        `{ function(name: "steady") { stats { total } } }`,
      );
      expect(fn.stats.total).toBe(outcomes.length + 2);
    }, 20_000);
  }, 90_000);

  it("answers what comes while it drains, and what is in flight when it ends", async () => {
    const source = `module.exports = async () => {
      await new Promise((done) => setTimeout(done, 2000));
      return { status: 200, body: "slow" };
    };`;
    const path = await deploy(fermi, "slow", source, { requestsPerInstance: 10 });
    const router = fermi.one("router", 1);
    const before = fetch(router.url + path).then((answer) => answer.text());
    await eventually(async () => expect((await router.health("metrics"))[1]).toMatch(/in_flight_requests\{.*\} 1/));
    const ended = router.end();
    await eventually(async () => expect(await router.health("readyz")).toEqual([503, expect.stringContaining("stop")]));
    const during = fetch(router.url + path).then((answer) => answer.text());
    expect(await Promise.all([before, during])).toEqual(["slow", "slow"]);
    expect(await ended).toBe(0);
    await (await router.start()).ready();
  }, 60_000);

  it("serves what is warm with the pool manager away, and what is cold when the other has taken over", async () => {
    const path = await deploy(fermi, "warm", answering("warm"), { requestsPerInstance: 10 });
    for (const router of fermi.all("router")) expect(await (await fetch(router.url + path)).text()).toBe("warm");
    const other = await deploy(fermi, "other", answering("other"));
    const leader = await eventually(() => fermi.leader(), 20_000);

    leader.signal("SIGSTOP");
    for (const router of [...fermi.all("router"), ...fermi.all("router")]) {
      expect(await (await fetch(router.url + path)).text()).toBe("warm");
    }
    leader.signal("SIGCONT");
    const killed = performance.now();
    await leader.end("SIGKILL");
    // Instances of this machine end with the pool manager whose children they are; they start cold again.
    expect(await (await fetch(fermi.routerUrl + other)).text()).toBe("other");
    expect(performance.now() - killed).toBeLessThan(15_000);
    expect(await (await fetch(fermi.routerUrl + path)).text()).toBe("warm");

    const heir = await eventually(() => fermi.leader(), 20_000);
    expect(heir).not.toBe(leader);
    await (await leader.start()).ready();
    expect(await (await fetch(fermi.routerUrl + path)).text()).toBe("warm");
  }, 90_000);

  it("serves what is warm with the database away, and records it afterwards", async () => {
    const path = await deploy(fermi, "lasting", answering("lasting"), { requestsPerInstance: 10 });
    for (const router of fermi.all("router")) expect(await (await fetch(router.url + path)).text()).toBe("lasting");
    proxy.close();
    const beganMs = performance.now();
    let calls = 2;
    // Longer than any lock or lease lasts.
    while (performance.now() - beganMs < 12_000) {
      const router = fermi.one("router", calls % 2);
      const answer = await fetch(router.url + path);
      expect([answer.status, await answer.text()]).toEqual([200, "lasting"]);
      calls++;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    for (const router of fermi.all("router")) expect((await router.health("readyz"))[0]).toBe(200);
    expect(await fermi.one("api").health("readyz")).toEqual([503, expect.stringContaining("store")]);
    proxy.open();
    await eventually(async () => {
      const { function: fn } = await fermi.ok<{ function: { stats: { total: number } } }>(
        `{ function(name: "lasting") { stats { total } } }`,
      );
      expect(fn.stats.total).toBe(calls);
    }, 30_000);
    const again = await deploy(fermi, "afterwards", answering("afterwards"));
    expect(await (await fetch(fermi.routerUrl + again)).text()).toBe("afterwards");
  }, 90_000);
});
