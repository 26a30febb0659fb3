/**
 * What an environment's pod template may say: a list of what is allowed, for everything else could let a function out of
 * its pod. What is refused for a reason is refused with it.
 */
import { firstFault, isPlainText, rule, type Fault } from "./fault.js";
import type { PodTemplate } from "./pod-template.js";

type Rule = (field: string, value: unknown) => Fault | undefined;

const maxCharacters = 16 * 1024;
const maxEntries = 32;

/** Undefined where it is a PodTemplate that may be. */
export function podTemplateFault(value: unknown): Fault | undefined {
  const field = "podTemplate";
  const { characters, isPlain } = read(value);
  return firstFault(
    rule(characters <= maxCharacters, field, tooLarge),
    rule(isPlain, field, "must be without NUL characters and unpaired surrogates"),
    record({ metadata: podMetadata, spec: podSpec })(field, value),
  );
}

/** Its size as JSON, Infinity for what is nested so deeply that it can't be written, and whether all its text can be kept. */
function read(value: unknown): { readonly characters: number; readonly isPlain: boolean } {
  let isPlain = true;
  const look = (key: string, part: unknown): unknown => {
    isPlain &&= isPlainText(key) && (typeof part !== "string" || isPlainText(part));
    return part;
  };
  try {
    return { characters: JSON.stringify(value, look).length, isPlain };
  } catch {
    return { characters: Infinity, isPlain };
  }
}

/** Call it where there was no fault. */
export const asPodTemplate = (value: unknown): PodTemplate => value as PodTemplate;

const tooLarge = `must have at most ${maxCharacters} characters of JSON`;

const shares = "would share a namespace of the node with functions, which are to be kept apart from it";
const rights = "would give functions rights in the cluster, and they have none";
const insides = "is for Fermi to say: only where and how pods are placed and pulled may be said here";
const privileges = "is for Fermi to say: functions get no privileges";

/** Why what Kubernetes knows is refused here. */
const refusals: Readonly<Record<string, string>> = {
  hostNetwork: shares,
  hostPID: shares,
  hostIPC: shares,
  hostUsers: shares,
  shareProcessNamespace: "would let the containers of a pod see each other's processes",
  serviceAccountName: rights,
  serviceAccount: rights,
  automountServiceAccountToken: rights,
  volumes: "would let functions reach paths of the node or secrets of the cluster",
  containers: insides,
  initContainers: insides,
  ephemeralContainers: insides,
  securityContext: privileges,
  nodeName: "would pass the scheduler by; use nodeSelector or affinity",
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === "object" && !Array.isArray(value);

/** An object with no other keys than these. */
const record =
  (rules: Readonly<Record<string, Rule>>): Rule =>
  (field, value) => {
    if (!isObject(value)) return { field, message: "must be an object" };
    return firstFault(
      ...Object.entries(value).map(([key, part]) => {
        const check = Object.hasOwn(rules, key) ? rules[key] : undefined;
        return check === undefined ? unknownKey(field, key, Object.keys(rules)) : check(`${field}.${key}`, part);
      }),
    );
  };

function unknownKey(field: string, key: string, known: readonly string[]): Fault {
  const reason = Object.hasOwn(refusals, key) ? refusals[key] : undefined;
  if (reason !== undefined) return { field: `${field}.${key}`, message: reason };
  return { field, message: `may have no other keys than ${known.join(", ")}` };
}

const list =
  (item: Rule): Rule =>
  (field, value) => {
    if (!Array.isArray(value) || value.length > maxEntries) {
      return { field, message: `must be a list of at most ${maxEntries}` };
    }
    return firstFault(...value.map((entry, index) => item(`${field}[${index}]`, entry)));
  };

const text =
  (form: RegExp, must: string): Rule =>
  (field, value) =>
    rule(typeof value === "string" && form.test(value), field, must);

const oneOf =
  (...words: readonly string[]): Rule =>
  (field, value) =>
    rule(typeof value === "string" && words.includes(value), field, `must be one of ${words.join(", ")}`);

const wholeSeconds: Rule = (field, value) =>
  rule(Number.isSafeInteger(value) && Number(value) >= 0, field, "must be a whole number of seconds");

const anyObject: Rule = (field, value) => rule(isObject(value), field, "must be an object, as Kubernetes has it");

const subdomain = /[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/.source;
const name = text(new RegExp(`^(?=.{1,253}$)${subdomain}$`), "must be a name of Kubernetes, such as registry-key");
const labelKeyForm = new RegExp(`^((?=[^/]{1,253}/)${subdomain}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`);
const labelValue = text(/^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/, "must be a label's value");
const annotationValue: Rule = (field, value) => rule(typeof value === "string", field, "must be text");

/** A map whose keys are labels' keys; `refuse` says why one may not be. */
const map =
  (entry: Rule, refuse: (key: string) => string | undefined = () => undefined): Rule =>
  (field, value) => {
    if (!isObject(value) || Object.keys(value).length > maxEntries) {
      return { field, message: `must be an object of at most ${maxEntries} keys` };
    }
    return firstFault(
      ...Object.entries(value).map(([key, part]) => {
        if (!labelKeyForm.test(key)) return { field, message: "must have keys such as team or example.com/team" };
        const refusal = refuse(key);
        return refusal === undefined ? entry(`${field}.${key}`, part) : { field, message: refusal };
      }),
    );
  };

const isUnder = (key: string, domain: string): boolean => {
  const prefix = key.includes("/") ? (key.split("/")[0] ?? "") : "";
  return prefix === domain || prefix.endsWith(`.${domain}`);
};

const ownKey = (key: string): string | undefined =>
  isUnder(key, "fermi.dev") || key === "app.kubernetes.io/managed-by" || key === "pod-template-hash"
    ? "must have no key by which Fermi and Kubernetes know pods (fermi.dev/…, app.kubernetes.io/managed-by, pod-template-hash)"
    : undefined;

/** Some of Kubernetes' own loosen what a pod is confined to. */
const kubernetesKey = (key: string): string | undefined =>
  (isUnder(key, "kubernetes.io") || isUnder(key, "k8s.io")) && !isUnder(key, "cluster-autoscaler.kubernetes.io")
    ? "must have no key of Kubernetes' own but those of cluster-autoscaler.kubernetes.io"
    : ownKey(key);

const podMetadata = record({
  labels: map(labelValue, ownKey),
  annotations: map(annotationValue, kubernetesKey),
});

const toleration = record({
  key: text(labelKeyForm, "must be a taint's key"),
  operator: oneOf("Exists", "Equal"),
  value: labelValue,
  effect: oneOf("NoSchedule", "PreferNoSchedule", "NoExecute"),
  tolerationSeconds: wholeSeconds,
});

const priorityClass: Rule = (field, value) =>
  firstFault(
    name(field, value),
    rule(!String(value).startsWith("system-"), field, "must be none of those that keep the cluster itself running"),
  );

const podSpec = record({
  imagePullSecrets: list(record({ name })),
  nodeSelector: map(labelValue),
  tolerations: list(toleration),
  affinity: record({ nodeAffinity: anyObject, podAffinity: anyObject, podAntiAffinity: anyObject }),
  topologySpreadConstraints: list(anyObject),
  priorityClassName: priorityClass,
  runtimeClassName: name,
});
