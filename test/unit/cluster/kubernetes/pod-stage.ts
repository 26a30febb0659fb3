import { createServer, type Server, type ServerResponse } from "node:http";
import type { Pod } from "../../../../src/cluster/kubernetes/pod.js";
import {
  KubernetesDriver,
  type KubernetesDriverOptions,
} from "../../../../src/cluster/kubernetes/kubernetes-driver.js";
import { poolTemplate, runtimePort } from "../../../../src/cluster/kubernetes/manifests.js";
import { defaultOutputBounds } from "../../../../src/cluster/output-reader.js";
import { systemClock, type Clock } from "../../../../src/lib/clock.js";
import { silentLogger } from "../../../../src/lib/logger.js";
import type { Environment } from "../../../../src/model/environment.js";
import { aFakeKube, answerJson, type FakeKube } from "./fake-api.js";
import { aPod } from "./pods.js";

export const stageSecret = "a secret of thirty-two characters or more";

/** Waits take a twentieth of their time. */
export const hasty: Clock = { ...systemClock, after: (ms, task) => systemClock.after(ms / 20, task) };

/** A warm pod of the environment's pool at that address. */
export const aWarmPod = (environment: Environment, host: string, status: Pod["status"] = {}): Pod => {
  const { hash } = poolTemplate(environment, { image: null, publicKey: "" });
  const own = { "fermi.dev/environment": environment.id, "fermi.dev/pool": environment.id, "fermi.dev/template": hash };
  const pod = aPod({ metadata: { labels: own }, status: { podIP: host, ...status } });
  return { ...pod, spec: { containers: [{ name: "function", image: environment.image }] } };
};

type Answer = (res: ServerResponse) => void;

/** A driver, and a cluster that has the pods that a test puts there, with nobody who makes any. */
export class PodStage {
  readonly #pods = new Map<string, Pod>();
  readonly #runtimes: Server[] = [];
  readonly #watching = new Set<ServerResponse>();
  #version = 1;
  /** Of what was asked for of pods, beside lists. */
  readonly asked: string[] = [];
  readonly #waiting = new Set<() => void>();
  /** Answers to GET of a pod's log. */
  log: Answer = (res) => void res.writeHead(200).end();
  driver!: KubernetesDriver;
  #kube!: FakeKube;

  static async open(): Promise<PodStage> {
    const stage = new PodStage();
    stage.#kube = await aFakeKube((url, res, method) => stage.#answer(url, res, method));
    return stage;
  }

  start(change: Partial<KubernetesDriverOptions> = {}): KubernetesDriver {
    this.driver = new KubernetesDriver({
      ...{ api: this.#kube.api, clock: hasty, logger: silentLogger, namespace: "here" },
      outputBounds: defaultOutputBounds,
      fetcher: { image: null, secret: stageSecret },
      since: () => Promise.resolve(undefined),
      ...change,
    });
    this.driver.start();
    return this.driver;
  }

  /** As the cluster has it from now on. */
  put(pod: Pod): void {
    const resourceVersion = String(++this.#version);
    const object = { ...pod, metadata: { ...pod.metadata, resourceVersion } };
    this.#pods.set(pod.metadata.name, object);
    this.#tell("MODIFIED", object);
  }

  /** What answers at a pod's address. */
  async runtime(host: string, state: object, specialize: Answer = (res) => answerJson(res, {})): Promise<Server> {
    const server = createServer((req, res) => {
      if (req.url === "/specialize") specialize(res);
      else answerJson(res, state);
    });
    // Whoever stops listening at once keeps the connections that there are.
    server.keepAliveTimeout = 60_000;
    this.#runtimes.push(server);
    await new Promise<void>((resolve) => server.listen(runtimePort, host, resolve));
    return server;
  }

  untilAsked(what: string): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.asked.includes(what)) resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  async close(): Promise<void> {
    await this.driver.stop();
    for (const server of this.#runtimes) {
      server.closeAllConnections();
      server.close();
    }
    await this.#kube.stop();
  }

  #note(what: string): void {
    this.asked.push(what);
    for (const look of this.#waiting) look();
  }

  #tell(type: string, object: Pod): void {
    for (const res of this.#watching) res.write(`${JSON.stringify({ type, object })}\n`);
  }

  #answer(url: URL, res: ServerResponse, method: string): void {
    const [, name, part] = /\/pods\/([^/]+)(\/log)?$/.exec(url.pathname) ?? [];
    if (name !== undefined) return this.#answerOf(name, method, part, res);
    const isOfPods = url.pathname.endsWith("/pods");
    // Nobody makes it, so it is on its way for ever.
    if (method === "POST" && isOfPods) return this.#note("POST pods");
    if (method !== "GET") return answerJson(res, { metadata: { uid: "uid", generation: 1 } });
    if (url.searchParams.get("watch") !== "true") {
      const items = isOfPods ? [...this.#pods.values()] : [];
      return answerJson(res, { metadata: { resourceVersion: String(this.#version) }, items });
    }
    res.writeHead(200, { "content-type": "application/json" }).flushHeaders();
    if (!isOfPods) return;
    this.#watching.add(res);
    const since = Number(url.searchParams.get("resourceVersion"));
    const missed = [...this.#pods.values()].filter(({ metadata }) => Number(metadata.resourceVersion) > since);
    for (const pod of missed) this.#tell("MODIFIED", pod);
  }

  #answerOf(name: string, method: string, part: string | undefined, res: ServerResponse): void {
    this.#note(`${method} ${name}${part ?? ""}`);
    if (part !== undefined) return this.log(res);
    const pod = this.#pods.get(name);
    if (pod === undefined) return answerJson(res, { code: 404 }, 404);
    if (method === "DELETE" && this.#pods.delete(name)) this.#tell("DELETED", pod);
    answerJson(res, pod);
  }
}
