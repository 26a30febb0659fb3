import { describe, expect, it } from "@jest/globals";
import { podTemplateFault } from "../../../src/model/validate-pod-template.js";

describe("A pod template", () => {
  it.each([
    {},
    { metadata: { labels: { team: "blue", "example.com/cost-center": "a_1" } } },
    { metadata: { labels: { [`${"a".repeat(251)}.b/${"c".repeat(63)}`]: "x", "a-b.c/D_e.f": "x", "1.2/3": "x" } } },
    { metadata: { annotations: { "example.com/note": "any: text, of any kind {}" } } },
    { metadata: { annotations: { "cluster-autoscaler.kubernetes.io/safe-to-evict": "true" } } },
    { spec: { imagePullSecrets: [{ name: "registry-key" }, { name: "other.key" }] } },
    { spec: { nodeSelector: { "kubernetes.io/arch": "amd64", "node.kubernetes.io/instance-type": "" } } },
    {
      spec: {
        tolerations: [
          { operator: "Exists" },
          { key: "a", operator: "Equal", value: "b", effect: "NoExecute", tolerationSeconds: 60 },
        ],
      },
    },
    { spec: { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: {} } } } },
    { spec: { topologySpreadConstraints: [{ maxSkew: 1 }], priorityClassName: "low", runtimeClassName: "gvisor" } },
  ])("may be %j", (template) => expect(podTemplateFault(template)).toBeUndefined());

  it.each([
    [null, "podTemplate", /must be an object/],
    ["text", "podTemplate", /must be an object/],
    [[], "podTemplate", /must be an object/],
    [{ kind: "Pod" }, "podTemplate", /no other keys than metadata, spec/],
    [{ metadata: { name: "x" } }, "podTemplate.metadata", /no other keys than labels, annotations/],
    [{ metadata: { labels: { "fermi.dev/pool": "x" } } }, "podTemplate.metadata.labels", /by which Fermi/],
    [{ metadata: { labels: { "x.fermi.dev/pool": "x" } } }, "podTemplate.metadata.labels", /by which Fermi/],
    [{ metadata: { labels: { "app.kubernetes.io/managed-by": "x" } } }, "podTemplate.metadata.labels", /by which/],
    [{ metadata: { labels: { "pod-template-hash": "x" } } }, "podTemplate.metadata.labels", /by which/],
    [{ metadata: { labels: { "-": "x" } } }, "podTemplate.metadata.labels", /keys such as/],
    [{ metadata: { labels: { "a..b/x": "x" } } }, "podTemplate.metadata.labels", /keys such as/],
    [{ metadata: { labels: { "a-.b/x": "x" } } }, "podTemplate.metadata.labels", /keys such as/],
    [{ metadata: { labels: { "a.-b/x": "x" } } }, "podTemplate.metadata.labels", /keys such as/],
    [{ metadata: { labels: { "/x": "x" } } }, "podTemplate.metadata.labels", /keys such as/],
    [{ metadata: { labels: { "a/b/x": "x" } } }, "podTemplate.metadata.labels", /keys such as/],
    [{ metadata: { labels: { [`${"a".repeat(252)}.b/x`]: "x" } } }, "podTemplate.metadata.labels", /keys such as/],
    [{ metadata: { labels: { [`a/${"x".repeat(64)}`]: "x" } } }, "podTemplate.metadata.labels", /keys such as/],
    [{ metadata: { annotations: { "a..b/x": "x" } } }, "podTemplate.metadata.annotations", /keys such as/],
    [{ spec: { nodeSelector: { "a..b/x": "x" } } }, "podTemplate.spec.nodeSelector", /keys such as/],
    [{ spec: { tolerations: [{ key: "a..b/x" }] } }, "podTemplate.spec.tolerations[0].key", /taint's key/],
    [{ spec: { runtimeClassName: "a".repeat(254) } }, "podTemplate.spec.runtimeClassName", /a name/],
    [{ metadata: { labels: { team: "not a value" } } }, "podTemplate.metadata.labels.team", /label's value/],
    [{ metadata: { labels: { team: 1 } } }, "podTemplate.metadata.labels.team", /label's value/],
    [
      { metadata: { annotations: { "container.apparmor.security.beta.kubernetes.io/function": "unconfined" } } },
      "podTemplate.metadata.annotations",
      /Kubernetes' own/,
    ],
    [{ metadata: { annotations: { "fermi.dev/namespace": "x" } } }, "podTemplate.metadata.annotations", /by which/],
    [{ spec: { hostNetwork: false } }, "podTemplate.spec.hostNetwork", /share a namespace of the node/],
    [{ spec: { hostPID: true } }, "podTemplate.spec.hostPID", /share a namespace of the node/],
    [{ spec: { hostIPC: true } }, "podTemplate.spec.hostIPC", /share a namespace of the node/],
    [{ spec: { serviceAccountName: "admin" } }, "podTemplate.spec.serviceAccountName", /rights in the cluster/],
    [{ spec: { serviceAccount: "admin" } }, "podTemplate.spec.serviceAccount", /rights in the cluster/],
    [{ spec: { automountServiceAccountToken: true } }, "podTemplate.spec.automountServiceAccountToken", /rights/],
    [{ spec: { volumes: [{ hostPath: { path: "/" } }] } }, "podTemplate.spec.volumes", /paths of the node/],
    [{ spec: { containers: [] } }, "podTemplate.spec.containers", /for Fermi to say/],
    [{ spec: { initContainers: [] } }, "podTemplate.spec.initContainers", /for Fermi to say/],
    [{ spec: { securityContext: { runAsUser: 0 } } }, "podTemplate.spec.securityContext", /no privileges/],
    [{ spec: { nodeName: "n1" } }, "podTemplate.spec.nodeName", /pass the scheduler by/],
    [{ spec: { dnsPolicy: "None" } }, "podTemplate.spec", /no other keys than imagePullSecrets/],
    [JSON.parse('{"spec":{"__proto__":{"hostPID":true}}}'), "podTemplate.spec", /no other keys/],
    [{ spec: { constructor: {} } }, "podTemplate.spec", /no other keys/],
    [{ spec: { imagePullSecrets: ["key"] } }, "podTemplate.spec.imagePullSecrets[0]", /must be an object/],
    [{ spec: { imagePullSecrets: [{ name: "../key" }] } }, "podTemplate.spec.imagePullSecrets[0].name", /a name/],
    [{ spec: { tolerations: {} } }, "podTemplate.spec.tolerations", /a list/],
    [{ spec: { tolerations: [{ effect: "Any" }] } }, "podTemplate.spec.tolerations[0].effect", /must be one of/],
    [
      { spec: { tolerations: [{ tolerationSeconds: -1 }] } },
      "podTemplate.spec.tolerations[0].tolerationSeconds",
      /whole/,
    ],
    [{ spec: { affinity: { hostAffinity: {} } } }, "podTemplate.spec.affinity", /no other keys/],
    [{ spec: { affinity: { nodeAffinity: [] } } }, "podTemplate.spec.affinity.nodeAffinity", /an object/],
    [{ spec: { priorityClassName: "system-node-critical" } }, "podTemplate.spec.priorityClassName", /none of those/],
    [{ metadata: { annotations: { a: "\0" } } }, "podTemplate", /without NUL/],
    [{ metadata: { annotations: { a: "\ud800" } } }, "podTemplate", /without NUL/],
    [{ spec: { topologySpreadConstraints: [{ topologyKey: "\0" }] } }, "podTemplate", /without NUL/],
    [{ spec: { affinity: { podAffinity: { a: [{ "b\udfff": 1 }] } } } }, "podTemplate", /without NUL/],
    [{ metadata: { annotations: { a: "x".repeat(20_000) } } }, "podTemplate", /at most 16384 characters/],
  ])("may not be %j", (template: unknown, field, message) => {
    expect(podTemplateFault(template)).toEqual({ field, message: expect.stringMatching(message) });
  });

  it("may not be nested beyond measure", () => {
    let nested: object = {};
    for (let depth = 0; depth < 50_000; depth++) nested = { nested };
    const fault = podTemplateFault({ spec: { affinity: { nodeAffinity: nested } } });
    expect(fault).toMatchObject({ field: "podTemplate" });
  });
});
