/** Whether a cluster is as Fermi needs it, in words. Looks and changes nothing. */
import type { Clock } from "../../lib/clock.js";
import type { Check } from "../../model/check.js";
import type { KubeApi } from "./kube-api.js";
import { hasStatus, inWords, KubeError } from "./kube-error.js";
import { permissions, type Permission } from "./permissions.js";

export interface ClusterCheckOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  /** Fermi's own. */
  readonly namespace: string;
  readonly functionsNamespace: string;
}

/** Leases compare each process with itself alone; tokens, certificates and the times that are shown need the clocks alike. */
const toleratedSkewMs = 5_000;

interface Version {
  readonly gitVersion: string;
}

/** Such as "Kubernetes v1.30.1, 3 nodes"; without the nodes where nobody may list them, and without all else while it is away. */
export async function describeCluster({ api }: Pick<ClusterCheckOptions, "api">): Promise<string> {
  try {
    const { gitVersion } = await api.call<Version>({ method: "GET", path: "/version" });
    const nodes = await countNodes(api);
    return nodes === undefined ? `Kubernetes ${gitVersion}` : `Kubernetes ${gitVersion}, ${nodesInWords(nodes)}`;
  } catch {
    return "Kubernetes, which can't be reached";
  }
}

/** Never rejects. */
export async function checkCluster(options: ClusterCheckOptions): Promise<Check[]> {
  const reach = await checkReach(options);
  if (!reach.check.ok) return [reach.check];
  const looks = [checkNamespace(options), checkPermissions(options)];
  return [reach.check, checkSkew(reach.skewMs), ...(await Promise.all(looks))];
}

async function checkReach({ api, clock }: ClusterCheckOptions): Promise<{ check: Check; skewMs: number | null }> {
  const name = "Kubernetes";
  try {
    const { value, date } = await api.ask<Version>({ method: "GET", path: "/version" });
    const skewMs = date === null ? null : clock.now().getTime() - date.getTime();
    return { check: { name, ok: true, message: `The API of Kubernetes ${value.gitVersion} answers.` }, skewMs };
  } catch (error) {
    return {
      check: { name, ok: false, message: `The Kubernetes API does not help: ${inWords(error)}.` },
      skewMs: null,
    };
  }
}

/** The header has whole seconds, so a second more or less means nothing. */
function checkSkew(skewMs: number | null): Check {
  const name = "clock";
  if (skewMs === null) return { name, ok: true, message: "The API server does not tell its time." };
  const seconds = Math.round(skewMs / 1_000);
  if (Math.abs(skewMs) <= toleratedSkewMs) {
    return { name, ok: true, message: "This process and the API server agree about the time." };
  }
  const side = seconds > 0 ? "ahead of" : "behind";
  const message = `The clock of this process is ${Math.abs(seconds)} s ${side} the API server's; synchronize the clocks of the nodes.`;
  return { name, ok: false, message };
}

async function checkNamespace({ api, functionsNamespace }: ClusterCheckOptions): Promise<Check> {
  const name = "functions' namespace";
  try {
    await api.call({ method: "GET", path: `/api/v1/namespaces/${functionsNamespace}` });
    return { name, ok: true, message: `The namespace ${functionsNamespace} is there.` };
  } catch (error) {
    if (hasStatus(error, 404)) {
      const message = `There is no namespace ${functionsNamespace}; apply deploy/, or set FERMI_FUNCTIONS_NAMESPACE.`;
      return { name, ok: false, message };
    }
    if (hasStatus(error, 401, 403)) {
      return { name, ok: true, message: `Whether ${functionsNamespace} is there is not for this process to know.` };
    }
    return { name, ok: false, message: `The namespace ${functionsNamespace} can't be looked at: ${inWords(error)}.` };
  }
}

async function checkPermissions(options: ClusterCheckOptions): Promise<Check> {
  const name = "permissions";
  try {
    const asked = permissions.flatMap((permission) => permission.verbs.map((verb) => ({ permission, verb })));
    const answers = await Promise.all(
      asked.map(async ({ permission, verb }) => ({
        permission,
        verb,
        isAllowed: await may(options, permission, verb),
      })),
    );
    const missing = answers
      .filter(({ isAllowed }) => !isAllowed)
      .map(({ permission, verb }) => words(permission, verb));
    if (missing.length === 0) return { name, ok: true, message: "The service account may do all that Fermi needs." };
    const message = `The service account may not ${missing.join(", ")}; deploy/base/rbac.yaml grants it.`;
    return { name, ok: false, message };
  } catch (error) {
    const isRefused = error instanceof KubeError && !error.isAway;
    const what = isRefused ? "The API does not tell what the service account may do" : "The API could not be asked";
    return { name, ok: false, message: `${what}: ${inWords(error)}.` };
  }
}

async function may(options: ClusterCheckOptions, permission: Permission, verb: string): Promise<boolean> {
  const { group, resource, subresource } = permission;
  const namespace = permission.where === "fermi" ? options.namespace : options.functionsNamespace;
  const resourceAttributes = { namespace, group, resource, subresource, verb };
  const { status } = await options.api.call<{ status: { allowed: boolean } }>({
    method: "POST",
    path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    body: { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", spec: { resourceAttributes } },
  });
  return status.allowed;
}

const words = ({ resource, subresource, where }: Permission, verb: string): string =>
  `${verb} ${subresource === undefined ? resource : `${resource}/${subresource}`} (${where} namespace)`;

async function countNodes(api: KubeApi): Promise<number | undefined> {
  const query = { limit: 1 };
  interface Nodes {
    readonly metadata: { readonly remainingItemCount?: number };
    readonly items: readonly unknown[];
  }
  return api.call<Nodes>({ method: "GET", path: "/api/v1/nodes", query }).then(
    ({ metadata, items }) => items.length + (metadata.remainingItemCount ?? 0),
    (error: unknown) => {
      if (hasStatus(error, 401, 403)) return undefined;
      throw error;
    },
  );
}

const nodesInWords = (count: number): string => (count === 1 ? "1 node" : `${count} nodes`);
