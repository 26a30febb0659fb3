/** deploy/ is what Kubernetes takes: rendered by every kubectl there is, and shown to a real API server. */
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import { permissions, type Permission } from "../../src/cluster/kubernetes/permissions.js";
import { repository } from "../support/harness.js";
import { describeOnCluster, kubectl, kubectlPrograms } from "./support/kubectl.js";
import { podOf, render, violations, type Container, type Manifest } from "./support/manifests.js";

const overlays = {
  "deploy/": "deploy",
  base: "deploy/base",
  demo: "deploy/overlays/demo",
  production: "deploy/overlays/production",
} as const;
const roles = ["api", "router", "poolmgr", "triggers"];

const named = (manifests: readonly Manifest[], kind: string, name: string): Manifest => {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found;
};
const deployments = (manifests: readonly Manifest[]): Manifest[] =>
  manifests.filter(({ kind }) => kind === "Deployment");
const containersOf = (manifest: Manifest): Container[] => {
  const pod = podOf(manifest);
  return [...(pod?.initContainers ?? []), ...(pod?.containers ?? [])];
};

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** Kinds whose version of today came later than 1.20, and which have the same fields there under an older name. */
const olderNames: Readonly<Record<string, string>> = {
  PodDisruptionBudget: "policy/v1beta1",
  HorizontalPodAutoscaler: "autoscaling/v2beta2",
};

async function dryRun(manifests: readonly Manifest[]): Promise<string> {
  const input = manifests.map((manifest) => stringify(manifest)).join("---\n");
  return kubectl(["apply", "--dry-run=server", "--filename=-"], { input });
}

describeOnCluster("deploy/", () => {
  const created: string[] = [];
  beforeAll(async () => {
    // What is in a namespace can only be tried where that is there.
    for (const namespace of ["fermi", "fermi-functions"]) {
      const isNew = await kubectl(["create", "namespace", namespace]).then(
        () => true,
        () => false,
      );
      if (isNew) created.push(namespace);
    }
  }, 30_000);
  afterAll(async () => {
    if (created.length > 0) await kubectl(["delete", "namespace", ...created]);
  }, 60_000);

  it.each(Object.values(overlays))("%s is rendered by every kubectl, to the same effect", async (folder) => {
    const rendered = await Promise.all(kubectlPrograms.map((program) => render(folder, program)));
    const list = (manifests: Manifest[]): string[] =>
      manifests.map(({ kind, metadata }) => `${kind}/${metadata.name.replace(/-[a-z0-9]{10}$/, "")}`).sort();
    for (const manifests of rendered) expect(list(manifests)).toEqual(list(rendered[0]!));
    expect(rendered[0]!.length).toBeGreaterThan(15);
  });

  it.each(Object.values(overlays))("%s has no field that the published schemas don't know", async (folder) => {
    const manifests = await render(folder);
    expect(manifests.flatMap(violations)).toEqual([]);
  });

  it("has its fields really looked at", async () => {
    const scaler = named(await render(overlays.production), "HorizontalPodAutoscaler", "fermi-router");
    const misspelt = { ...scaler, spec: { ...scaler.spec, minReplica: 2, maxReplicas: "10" } };
    expect(violations(misspelt)).toEqual([
      "HorizontalPodAutoscaler/fermi-router.spec.maxReplicas is string, not number",
      "HorizontalPodAutoscaler/fermi-router.spec.minReplica is not known",
    ]);
    expect(violations({ ...scaler, apiVersion: "autoscaling/v9" })).not.toEqual([]);
  });

  it.each([overlays.base, overlays.demo])("%s is taken by the API server", async (folder) => {
    const said = await kubectl(["apply", "--dry-run=server", "--kustomize", folder]);
    for (const role of roles) expect(said).toContain(`deployment.apps/fermi-${role} `);
  });

  it("production is taken too, under the older names where this server has no others", async () => {
    const known = await kubectl(["api-versions"]);
    const manifests = (await render(overlays.production)).map((manifest) =>
      known.split("\n").includes(manifest.apiVersion)
        ? manifest
        : { ...manifest, apiVersion: olderNames[manifest.kind] ?? manifest.apiVersion },
    );
    const said = await dryRun(manifests);
    for (const role of roles) expect(said).toMatch(new RegExp(`poddisruptionbudget.policy/fermi-${role} `));
    expect(said).toMatch(/horizontalpodautoscaler.autoscaling\/fermi-router /);
  });

  it("runs this version of Fermi, and tells it its own image", async () => {
    const { version } = JSON.parse(await readFile(path.join(repository, "package.json"), "utf8")) as {
      version: string;
    };
    for (const folder of Object.values(overlays)) {
      const manifests = await render(folder);
      const images = deployments(manifests)
        .flatMap(containersOf)
        .map(({ image }) => image);
      expect([...new Set(images)]).toEqual([`fermi/fermi:${version}`]);
      const [settings] = manifests.filter(({ kind }) => kind === "ConfigMap") as unknown as {
        data: Record<string, string>;
      }[];
      expect(settings?.data["FERMI_IMAGE"]).toBe(`fermi/fermi:${version}`);
    }
  });

  it("has no secret in it", async () => {
    for (const folder of Object.values(overlays)) {
      const manifests = await render(folder);
      expect(manifests.filter(({ kind }) => kind === "Secret")).toEqual([]);
      expect(JSON.stringify(manifests)).not.toMatch(/postgres:\/\/|password":"/);
    }
  });

  it("hardens and bounds every container", async () => {
    const pods = deployments(await render(overlays.base));
    expect(pods).toHaveLength(4);
    for (const manifest of pods) {
      const pod = podOf(manifest)!;
      expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
      expect(pod.enableServiceLinks).toBe(false);
      for (const container of containersOf(manifest)) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
        expect(container.resources).toMatchObject({
          requests: { cpu: expect.any(String), memory: expect.any(String) },
        });
        expect(container.resources?.limits?.memory).toEqual(expect.any(String));
      }
      for (const probe of ["startupProbe", "livenessProbe", "readinessProbe"] as const) {
        expect(pod.containers[0]![probe]).toBeDefined();
      }
    }
  });

  it("gives a token to those alone who ask the Kubernetes API", async () => {
    const withToken = deployments(await render(overlays.base)).filter(
      (manifest) => podOf(manifest)!.automountServiceAccountToken !== false,
    );
    expect(withToken.map(({ metadata }) => metadata.name)).toEqual(["fermi-poolmgr", "fermi-triggers"]);
  });

  it("grants the pool manager what the program asks for", async () => {
    const manifests = await render(overlays.base);
    const rolesOf = { functions: "fermi-instances", fermi: "fermi-leases" };
    const isGranted = ({ where, group, resource, subresource, verbs }: Permission): boolean => {
      const { rules } = named(manifests, "Role", rolesOf[where]) as unknown as { rules: Rule[] };
      const name = subresource === undefined ? resource : `${resource}/${subresource}`;
      const rule = rules.find(({ apiGroups, resources }) => apiGroups.includes(group) && resources.includes(name));
      return rule !== undefined && verbs.join() === rule.verbs.join();
    };
    expect(permissions.filter((permission) => !isGranted(permission))).toEqual([]);
  });

  it("lets triggers watch what is no secret, and more where an operator grants it", async () => {
    const manifests = await render(overlays.base);
    const watch = named(manifests, "ClusterRole", "fermi-watch") as unknown as {
      aggregationRule: { clusterRoleSelectors: { matchLabels: Record<string, string> }[] };
    };
    const [{ matchLabels }] = watch.aggregationRule.clusterRoleSelectors as [{ matchLabels: Record<string, string> }];
    const parts = manifests.filter(({ metadata: { labels } }) =>
      Object.entries(matchLabels).every(([name, value]) => labels?.[name] === value),
    ) as unknown as { rules: Rule[] }[];
    expect(parts.map(({ rules }) => rules)).toEqual([
      [{ apiGroups: [""], resources: ["pods", "services"], verbs: ["list", "watch"] }],
    ]);
    const example = parseAllDocuments(
      await readFile(path.join(repository, "docs/watches/greeting-controller.yaml"), "utf8"),
    ).map((document) => document.toJS() as Manifest);
    expect(named(example, "ClusterRole", "fermi-watch-greetings").metadata.labels).toEqual(matchLabels);
    expect(example.flatMap(violations)).toEqual([]);
  });

  it("has every setting in the one ConfigMap, where an overlay changes it, but each role's time to stop", async () => {
    for (const manifest of deployments(await render(overlays.production))) {
      const { env } = podOf(manifest)!.containers[0] as unknown as { env: { name: string; value?: string }[] };
      const own = env.filter(({ value }) => value !== undefined).map(({ name }) => name);
      expect([manifest.metadata.name, own]).toEqual([manifest.metadata.name, ["FERMI_STOP_TIMEOUT_SECONDS"]]);
    }
  });

  it("leaves every role the time to drain and to stop", async () => {
    const manifests = await render(overlays.base);
    const [settings] = manifests.filter(({ kind }) => kind === "ConfigMap") as unknown as {
      data: Record<string, string>;
    }[];
    const drainSeconds = Number(settings?.data["FERMI_DRAIN_SECONDS"]);
    expect(drainSeconds).toBeGreaterThanOrEqual(5);
    for (const manifest of deployments(manifests)) {
      const pod = podOf(manifest)!;
      const { env } = pod.containers[0] as unknown as { env: { name: string; value?: string }[] };
      const stopSeconds = Number(env.find(({ name }) => name === "FERMI_STOP_TIMEOUT_SECONDS")?.value);
      expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(drainSeconds + stopSeconds + 5);
      expect(manifest.spec).toMatchObject({
        replicas: 2,
        strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      });
    }
  });
});
