/** Fermi on the real cluster, installed from deploy/ as its users install it, and reached through the NodePorts. */
import { eventually, type GqlAnswer } from "../../support/harness.js";
import { kubectl, kubectlJson } from "./kubectl.js";

export const roles = ["api", "router", "poolmgr", "triggers"] as const;
export const demo = "deploy/overlays/demo";
export const twoOfEach = "test/cluster/two-of-each";

/** An address of a node of the cluster. */
const node = process.env["FERMI_TEST_NODE"] ?? "127.0.0.1";
export const apiUrl = `http://${node}:31313`;
export const routerUrl = `http://${node}:31314`;

const readyWithinSeconds = 120;
const queryTimeoutMs = 15_000;

export interface Installation {
  readonly token: string;
  gql<T = Record<string, unknown>>(query: string, variables?: object): Promise<GqlAnswer<T>>;
  /** As `gql`, but an error fails the test. */
  ok<T = Record<string, unknown>>(query: string, variables?: object): Promise<T>;
}

/** What is told to whoever reads the run: how long a step took, what was counted. */
export const note = (text: string): void => void process.stderr.write(`    ${text}\n`);

export async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const startedMs = performance.now();
  const value = await work();
  note(`${what}: ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`);
  return value;
}

/** The namespaces and all in them are gone. */
export async function uninstall(): Promise<void> {
  await kubectl(["delete", "namespace", "fermi", "fermi-functions", "--ignore-not-found"], { timeoutMs: 120_000 });
}

export const applyOverlay = (folder: string): Promise<string> => kubectl(["apply", "--kustomize", folder]);

/** Resolves when every replica of every role is ready and none of an earlier generation is left. */
export async function rolledOut(names: readonly string[] = roles): Promise<void> {
  await Promise.all(
    names.map((role) =>
      kubectl(
        ["rollout", "status", `deployment/fermi-${role}`, "--namespace=fermi", `--timeout=${readyWithinSeconds}s`],
        { timeoutMs: (readyWithinSeconds + 10) * 1_000 },
      ).catch(async (error: unknown) => {
        throw new Error(`${(error as Error).message}\n${await troubles()}`);
      }),
    ),
  );
}

/** For the message of a failed test. */
const troubles = async (): Promise<string> =>
  `${await kubectl(["get", "pods", "--all-namespaces", "--output=wide"])}\n${await kubectl(["get", "events", "--namespace=fermi", "--sort-by=.lastTimestamp"])}`;

/** Applies the overlay and waits for it; what is installed already stays. */
export async function install(folder: string): Promise<Installation> {
  await applyOverlay(folder);
  await rolledOut();
  return connectTo();
}

export async function connectTo(): Promise<Installation> {
  const token = await readToken();
  const gql = async <T>(query: string, variables?: object): Promise<GqlAnswer<T>> => {
    const response = await fetch(`${apiUrl}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(queryTimeoutMs),
    });
    return (await response.json()) as GqlAnswer<T>;
  };
  const ok = async <T>(query: string, variables?: object): Promise<T> => {
    const { data, errors } = await gql<T>(query, variables);
    if (errors !== undefined || data === undefined || data === null) throw new Error(JSON.stringify(errors));
    return data;
  };
  // The service's rules follow the pods' readiness by a moment.
  await eventually(() => ok("{ server { version } }"), 15_000);
  return { token, gql, ok };
}

/** The line that deploy/README.md tells. */
export async function readToken(): Promise<string> {
  const text = await kubectl(["--namespace=fermi", "get", "secret", "fermi", "--output=jsonpath={.data.admin-token}"]);
  return Buffer.from(text, "base64").toString();
}

export interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly spec: { readonly containers: readonly { readonly image: string }[] };
  readonly status: {
    readonly podIP?: string;
    readonly phase: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
  };
}

export const isReady = ({ status }: Pod): boolean =>
  (status.conditions ?? []).some(({ type, status: is }) => type === "Ready" && is === "True");

/** Those of a namespace that are not being deleted. */
export async function podsIn(namespace: string, selector = ""): Promise<Pod[]> {
  const args = ["get", "pods", `--namespace=${namespace}`, ...(selector === "" ? [] : [`--selector=${selector}`])];
  const { items } = await kubectlJson<{ items: Pod[] }>(args);
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** Instances of a function, by the pods' own labels. */
export const instancesOf = (functionId: string): Promise<Pod[]> =>
  podsIn("fermi-functions", `fermi.dev/function=${functionId}`);
