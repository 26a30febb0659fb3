import { describe, expect, it } from "@jest/globals";
import { templateOf } from "../../../../src/cluster/instance-template.js";
import { poolDeployment, poolTemplate, sparePod, claimPatch } from "../../../../src/cluster/kubernetes/manifests.js";
import { aRequest } from "../../../contract/cluster-driver.contract.js";
import { anEnvironment } from "../../../contract/environments.js";

const environment = anEnvironment({
  image: "team/node:20",
  poolSize: 3,
  gracePeriodSeconds: 40,
  resources: { cpuRequest: "100m", cpuLimit: null, memoryRequest: "64Mi", memoryLimit: "128Mi" },
});
const fetcher = { image: null, publicKey: "" };
const template = poolTemplate(environment, fetcher);
const { id } = environment;

describe("A pool's manifest", () => {
  it("asks for as many pods as the pool is large, found by the label that a claim takes off", () => {
    const { metadata, spec } = poolDeployment(environment, template);
    expect(metadata?.name).toBe(`fermi-pool-${id}`);
    expect(spec).toMatchObject({
      replicas: 3,
      selector: { matchLabels: { "app.kubernetes.io/managed-by": "fermi", "fermi.dev/pool": id } },
    });
    expect(spec?.template.metadata?.labels).toMatchObject(spec?.selector.matchLabels ?? {});
  });

  it("gives functions nothing of the cluster, and no more of the node than they need", () => {
    expect(template.spec).toMatchObject({
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 40,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
    });
    expect(template.spec).not.toHaveProperty("hostNetwork");
    expect(template.spec.containers).toHaveLength(1);
    expect(template.spec.containers[0]).toMatchObject({
      name: "function",
      image: "team/node:20",
      imagePullPolicy: "IfNotPresent",
      resources: { requests: { cpu: "100m", memory: "64Mi" }, limits: { memory: "128Mi" } },
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      },
    });
  });

  // The namespace of functions enforces it, and a cluster that does not know of that would tell nobody.
  it.each(["FERMI", "FISSION_V1", "FISSION_V2"] as const)("keeps to the standard `restricted`: %s", (contract) => {
    const { spec } = poolTemplate({ ...environment, contract }, { image: "fermi/fermi:1", publicKey: "" });
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
    expect(spec.securityContext?.runAsUser).not.toBe(0);
    for (const host of ["hostNetwork", "hostPID", "hostIPC"]) expect(spec).not.toHaveProperty(host);
    for (const { emptyDir } of spec.volumes ?? []) expect(emptyDir).toBeDefined();
    for (const { ports, securityContext } of spec.containers) {
      expect(securityContext).toMatchObject({ allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } });
      for (const key of ["privileged", "procMount", "runAsUser", "runAsNonRoot", "seccompProfile"]) {
        expect(securityContext).not.toHaveProperty(key);
      }
      expect(securityContext?.capabilities).not.toHaveProperty("add");
      for (const port of ports ?? []) expect(port).not.toHaveProperty("hostPort");
    }
  });

  it("is of another template exactly where its pods would differ", () => {
    const hashOf = (change: Partial<typeof environment>): string =>
      poolTemplate({ ...environment, ...change }, fetcher).hash;
    expect(hashOf({ poolSize: 9, revision: 7, name: "renamed" })).toBe(template.hash);
    expect(hashOf({ image: "team/node:21" })).not.toBe(template.hash);
    expect(hashOf({ resources: { ...environment.resources, memoryLimit: "256Mi" } })).not.toBe(template.hash);
  });

  it("has what the environment's pod template says, and Fermi's own beside and above it", () => {
    const podTemplate = {
      metadata: { labels: { team: "blue" }, annotations: { "example.com/note": "x" } },
      spec: {
        imagePullSecrets: [{ name: "registry-key" }],
        nodeSelector: { disk: "ssd" },
        tolerations: [{ key: "dedicated", operator: "Exists" as const }],
        runtimeClassName: "gvisor",
      },
    };
    const special = poolTemplate({ ...environment, podTemplate }, fetcher);
    expect(special.spec).toMatchObject({
      imagePullSecrets: [{ name: "registry-key" }],
      nodeSelector: { disk: "ssd" },
      runtimeClassName: "gvisor",
      automountServiceAccountToken: false,
    });
    expect(special.spec.tolerations).toHaveLength(3);
    expect(special.spec.tolerations).toContainEqual({ key: "dedicated", operator: "Exists" });
    expect(special.labels).toMatchObject({ ...template.labels, team: "blue", "fermi.dev/template": special.hash });
    const notes = {
      "example.com/note": "x",
      "fermi.dev/environment-template": templateOf({ ...environment, podTemplate }),
    };
    expect(special.annotations).toEqual({ ...template.annotations, ...notes });
    expect(special.hash).not.toBe(template.hash);
    const { spec } = podTemplate;
    const relabelled = { metadata: { ...podTemplate.metadata, labels: { team: "red" } }, spec };
    expect(poolTemplate({ ...environment, podTemplate: relabelled }, fetcher).hash).not.toBe(special.hash);
    const reordered = { spec: { ...spec, nodeSelector: { disk: "ssd" } }, metadata: podTemplate.metadata };
    expect(poolTemplate({ ...environment, podTemplate: reordered }, fetcher).hash).toBe(special.hash);
  });

  it("makes a spare of the same template that the pool does not count", () => {
    const { metadata, spec } = sparePod(environment, template);
    expect(spec).toEqual(template.spec);
    expect(metadata?.labels).toMatchObject({ "fermi.dev/spare": id, "fermi.dev/template": template.hash });
    expect(metadata?.labels).not.toHaveProperty("fermi.dev/pool");
  });

  it("takes a pod out of its pool for good, and says for what", () => {
    const out = { ownerReferences: null, labels: { "fermi.dev/pool": null, "fermi.dev/spare": null } };
    expect(claimPatch("ours")).toEqual({ metadata: out });
    const request = aRequest("", { version: 7, requestsPerInstance: 4 });
    expect(claimPatch("ours", request)).toEqual({
      metadata: {
        ...out,
        labels: { ...out.labels, "fermi.dev/function": request.function.id, "fermi.dev/version": "7" },
        annotations: {
          "fermi.dev/function-name": "hello",
          "fermi.dev/namespace": "default",
          "fermi.dev/requests-per-instance": "4",
          "fermi.dev/installation": "ours",
        },
      },
    });
  });
});
