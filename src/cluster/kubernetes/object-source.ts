/**
 * Objects of whatever kind, custom ones too, for triggers that watch them: found through the discovery API, listed in
 * pages, and watched from where a list or an earlier watch has ended. What can't be done is said in words.
 */
import type { IncomingMessage } from "node:http";
import { AppError } from "../../errors/app-error.js";
import type { Clock } from "../../lib/clock.js";
import type { KubernetesObject, ObjectEvent, ObjectPage, ObjectSelection } from "../../model/kubernetes-object.js";
import type { KubeApi, KubeRequest } from "./kube-api.js";
import { hasStatus } from "./kube-error.js";
import { linesOf } from "./lines-of.js";
import { objectProblem } from "./object-problem.js";

interface ApiResource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

interface ObjectList {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly KubernetesObject[];
}

type WatchLine =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK"; readonly object: KubernetesObject }
  | { readonly type: "ERROR"; readonly object: { readonly code?: number } };

export interface ObjectSourceOptions {
  readonly api: Pick<KubeApi, "call" | "stream" | "server">;
  readonly clock: Clock;
  readonly watchSeconds?: number;
  /** Few, because they may be large, and are in memory all at once. */
  readonly pageSize?: number;
}

const defaultWatchSeconds = 30;
/** A server that ends no watch in time has forgotten it, or is out of reach. */
const graceMs = 3_000;
const defaultPageSize = 50;
const listTimeoutMs = 20_000;

export class ObjectSource {
  readonly #options: Required<ObjectSourceOptions>;

  constructor(options: ObjectSourceOptions) {
    this.#options = { watchSeconds: defaultWatchSeconds, pageSize: defaultPageSize, ...options };
  }

  get name(): string {
    return this.#options.api.server;
  }

  async find(selection: ObjectSelection, signal: AbortSignal): Promise<FoundObjects> {
    const { apiVersion, kind, namespace } = selection;
    const group = groupPath(apiVersion);
    const resource = await this.#resource(selection, group, signal);
    if (!resource.namespaced && namespace !== null) {
      throw new AppError("BAD_USER_INPUT", `A ${kind} is in no namespace: leave the namespace out.`);
    }
    const path = namespace === null ? group : `${group}/namespaces/${encodeURIComponent(namespace)}`;
    return new FoundObjects(this.#options, selection, `${path}/${resource.name}`);
  }

  async #resource(selection: ObjectSelection, path: string, signal: AbortSignal): Promise<ApiResource> {
    const { apiVersion, kind } = selection;
    const { api } = this.#options;
    let resources: readonly ApiResource[];
    try {
      ({ resources } = await api.call<{ resources: ApiResource[] }>({ method: "GET", path, signal }));
    } catch (error) {
      if (hasStatus(error, 404)) throw new AppError("NOT_FOUND", `The cluster knows no apiVersion ${apiVersion}.`);
      throw objectProblem(error, selection, signal);
    }
    const found = resources.find((resource) => resource.kind === kind && !resource.name.includes("/"));
    if (found === undefined) {
      throw new AppError("NOT_FOUND", `The cluster knows no kind ${kind} in ${apiVersion}; mind upper and lower case.`);
    }
    if (["list", "watch"].every((verb) => found.verbs.includes(verb))) return found;
    throw new AppError("BAD_USER_INPUT", `The cluster lets nobody watch objects of the kind ${kind}.`);
  }
}

/** One selection, where the cluster has it. */
class FoundObjects {
  readonly #query: Readonly<Record<string, string>>;

  constructor(
    private readonly options: Required<ObjectSourceOptions>,
    private readonly selection: ObjectSelection,
    private readonly path: string,
  ) {
    const { labelSelector, fieldSelector } = selection;
    this.#query = { ...(labelSelector && { labelSelector }), ...(fieldSelector && { fieldSelector }) };
  }

  async list(next: string | undefined, signal: AbortSignal): Promise<ObjectPage | "EXPIRED"> {
    const { api, pageSize } = this.options;
    const query = { ...this.#query, limit: pageSize, ...(next !== undefined && { continue: next }) };
    try {
      const request: KubeRequest = { method: "GET", path: this.path, query, timeoutMs: listTimeoutMs, signal };
      const { metadata, items } = await api.call<ObjectList>(request);
      return {
        objects: items.map((object) => this.#whole(object)),
        version: metadata.resourceVersion,
        next: metadata.continue === "" ? undefined : metadata.continue,
      };
    } catch (error) {
      if (hasStatus(error, 410)) return "EXPIRED";
      throw objectProblem(error, this.selection, signal);
    }
  }

  /** Of all objects of the kind: to look for one that is selected might be to look at them all. */
  async version(signal: AbortSignal): Promise<string> {
    const { api } = this.options;
    try {
      const request: KubeRequest = {
        ...{ method: "GET", path: this.path, query: { limit: 1 } },
        ...{ timeoutMs: listTimeoutMs, signal },
      };
      return (await api.call<ObjectList>(request)).metadata.resourceVersion;
    } catch (error) {
      throw objectProblem(error, this.selection, signal);
    }
  }

  async watch(version: string, signal: AbortSignal): Promise<AsyncIterable<ObjectEvent>> {
    const { api, watchSeconds } = this.options;
    const query = {
      ...this.#query,
      ...{ watch: true, allowWatchBookmarks: true },
      ...{ resourceVersion: version, timeoutSeconds: watchSeconds },
    };
    try {
      return this.#events(await api.stream({ method: "GET", path: this.path, query, signal }));
    } catch (error) {
      if (hasStatus(error, 410)) return expired();
      throw objectProblem(error, this.selection, signal);
    }
  }

  async *#events(response: IncomingMessage): AsyncGenerator<ObjectEvent> {
    const { clock, watchSeconds } = this.options;
    const guard = clock.after(1_000 * watchSeconds + graceMs, () => response.destroy());
    try {
      for await (const line of linesOf(response)) {
        const event = this.#read(JSON.parse(line) as WatchLine);
        if (event !== undefined) yield event;
      }
    } catch {
      // Cut, or cut short: whoever reads goes on from where it was.
    } finally {
      guard.stop();
      response.destroy();
    }
  }

  #read(line: WatchLine): ObjectEvent | undefined {
    if (line.type === "ERROR") return line.object.code === 410 ? { type: "EXPIRED" } : undefined;
    if (line.type === "BOOKMARK") return { type: "BOOKMARK", version: line.object.metadata.resourceVersion };
    return { type: line.type, object: this.#whole(line.object) };
  }

  /** The items of a list don't say what they are. */
  #whole(object: KubernetesObject): KubernetesObject {
    const { apiVersion, kind } = this.selection;
    return { ...object, apiVersion, kind };
  }
}

// eslint-disable-next-line @typescript-eslint/require-await -- events come asynchronously, be it but one
async function* expired(): AsyncGenerator<ObjectEvent> {
  yield { type: "EXPIRED" };
}

function groupPath(apiVersion: string): string {
  const [group = "", version] = apiVersion.split("/").map(encodeURIComponent);
  return version === undefined ? `/api/${group}` : `/apis/${group}/${version}`;
}
