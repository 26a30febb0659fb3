/** What the pool manager's service account must be allowed to do: deploy/base/rbac.yaml grants it, `fermi check` asks for it. */
export interface Permission {
  /** Which of the two namespaces: Fermi's own, or that of the functions. */
  readonly where: "fermi" | "functions";
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly verbs: readonly string[];
}

export const permissions: readonly Permission[] = [
  // To tell whether it is there.
  { where: "functions", group: "", resource: "namespaces", verbs: ["get"] },
  {
    where: "functions",
    group: "",
    resource: "pods",
    verbs: ["get", "list", "watch", "create", "patch", "delete"],
  },
  { where: "functions", group: "", resource: "pods", subresource: "log", verbs: ["get"] },
  {
    where: "functions",
    group: "apps",
    resource: "deployments",
    verbs: ["get", "list", "watch", "create", "patch", "delete"],
  },
  { where: "fermi", group: "coordination.k8s.io", resource: "leases", verbs: ["get", "create", "update"] },
];
