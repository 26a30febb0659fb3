/** The Fermi that is measured: installed on the cluster of KUBECONFIG, reached through the NodePorts. */
import { execFileSync } from "node:child_process";

const node = process.env.FERMI_TEST_NODE ?? "127.0.0.1";

export const kubectl = (...args) =>
  execFileSync(process.env.KUBECTL ?? "kubectl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });

/** Two of each role, as tests and production have them; there already or not. */
export function install() {
  kubectl("apply", "--kustomize", "test/cluster/two-of-each");
  for (const role of ["api", "router", "poolmgr", "triggers"]) {
    kubectl("--namespace=fermi", "rollout", "status", `deployment/fermi-${role}`, "--timeout=180s");
  }
  const text = kubectl("--namespace=fermi", "get", "secret", "fermi", "--output=jsonpath={.data.admin-token}");
  const token = Buffer.from(text, "base64").toString();
  return { routerUrl: `http://${node}:31314`, gql: (query, variables) => send(token, query, variables) };
}

async function send(token, query, variables) {
  const response = await fetch(`http://${node}:31313/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(errors.map(({ message }) => message).join("; "));
  return data;
}

/** Everything that an earlier run or a test left is gone. */
export async function empty({ gql }) {
  const { functions, environments } = await gql(
    "{ functions(first: 200) { nodes { name } } environments(first: 200) { nodes { name } } }",
  );
  for (const { name } of functions.nodes) {
    await gql(`mutation ($name: String!) { deleteFunction(name: $name, deleteTriggers: true) { id } }`, { name });
  }
  for (const { name } of environments.nodes) {
    await gql(`mutation ($name: String!) { deleteEnvironment(name: $name) { id } }`, { name });
  }
}
