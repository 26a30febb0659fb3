import { expect, it } from "@jest/globals";
import { readFile } from "node:fs/promises";
import { parseAllDocuments } from "yaml";
import { permissions } from "../../../../src/cluster/kubernetes/permissions.js";

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules?: readonly { readonly apiGroups: string[]; readonly resources: string[]; readonly verbs: string[] }[];
}

it("the manifests grant the pool manager just what the list of permissions says", async () => {
  const text = await readFile(new URL("../../../../deploy/base/rbac.yaml", import.meta.url), "utf8");
  const manifests = parseAllDocuments(text).map((document) => document.toJS() as Manifest);
  const roles = manifests.filter(({ kind, metadata }) => kind === "Role" && metadata.name !== "fermi-init-secrets");
  const granted = roles.flatMap(({ rules = [] }) => rules).map((rule) => [rule.apiGroups, rule.resources, rule.verbs]);
  const listed = permissions.map(({ group, resource, subresource, verbs }) => [
    [group],
    [subresource === undefined ? resource : `${resource}/${subresource}`],
    verbs,
  ]);
  expect(new Set(granted.map((rule) => JSON.stringify(rule)))).toEqual(
    new Set(listed.map((rule) => JSON.stringify(rule))),
  );
  expect(listed).toHaveLength(new Set(listed.map((rule) => JSON.stringify(rule))).size);
});
