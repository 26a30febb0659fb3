/** How a command's flags are called where the API speaks of input fields: who typed flags is to read flags. */

/** From an input field's path to the flag that fills it. */
export type Flags = Readonly<Record<string, string>>;

const common: Flags = { namespace: "--namespace", expectedRevision: "--revision", first: "--limit" };

export const environmentFlags: Flags = {
  ...common,
  image: "--image",
  contract: "--contract",
  poolSize: "--poolsize",
  gracePeriodSeconds: "--graceperiod",
  podTemplate: "--pod-template",
  "resources.cpuRequest": "--mincpu",
  "resources.cpuLimit": "--maxcpu",
  "resources.memoryRequest": "--minmemory",
  "resources.memoryLimit": "--maxmemory",
};

export const functionFlags: Flags = {
  ...common,
  environment: "--env",
  source: "--code",
  entrypoint: "--entrypoint",
  variables: "--var",
  search: "--search",
  toVersion: "--to",
  "deleteTriggers: true": "--with-triggers",
  "settings.timeoutSeconds": "--timeout",
  "settings.requestsPerInstance": "--concurrency",
  "settings.minInstances": "--minscale",
  "settings.maxInstances": "--maxscale",
  "settings.idleTimeoutSeconds": "--idletimeout",
};

export const invokeFlags: Flags = {
  ...common,
  version: "--function-version",
  method: "--method",
  path: "--path",
  headers: "--header",
  body: "--body",
  idempotencyKey: "--key",
  delaySeconds: "--delay",
  maxAttempts: "--max-attempts",
  "onSuccess.function": "--on-success",
  "onFailure.function": "--on-failure",
  "onSuccess.topic": "--on-success",
  "onFailure.topic": "--on-failure",
};

export const routeFlags: Flags = {
  ...common,
  function: "--function",
  methods: "--method",
  path: "--url",
  host: "--host",
  mode: "--mode",
  "cors.allowOrigins": "--cors-origin",
  "cors.allowMethods": "--cors-method",
  "cors.allowHeaders": "--cors-header",
  "cors.exposeHeaders": "--cors-expose",
  "cors.allowCredentials": "--cors-credentials",
  "cors.maxAgeSeconds": "--cors-max-age",
};

export const timerFlags: Flags = {
  ...common,
  function: "--function",
  schedule: "--cron",
  timezone: "--timezone",
  onMissed: "--on-missed",
  missedWindowSeconds: "--missed-window",
  overlap: "--overlap",
  count: "--count",
};

export const watchFlags: Flags = {
  ...common,
  function: "--function",
  apiVersion: "--api-version",
  kind: "--kind",
  watchNamespace: "--watch-namespace",
  labelSelector: "--labels",
  fieldSelector: "--fields",
};

export const queueFlags: Flags = {
  ...common,
  function: "--function",
  broker: "--broker",
  topic: "--topic",
  responseTopic: "--response-topic",
  errorTopic: "--error-topic",
  maxAttempts: "--max-attempts",
  concurrency: "--concurrency",
};

/** Of invocations and of log lines. */
export const recordFlags: Flags = {
  "filter.namespace": "--namespace",
  "filter.function": "--function",
  "filter.status": "--status",
  "filter.source": "--source",
  "filter.trigger": "--trigger",
  "filter.since": "--since",
  "filter.until": "--until",
  "filter.invocationId": "--invocation",
  status: "--status",
};

interface Refused {
  readonly message: string;
  /** The input field at fault, where the refusal names one. */
  readonly field: string | undefined;
}

/** The message with flags in place of fields. One that does not say what it is about gets that put in front. */
export function inFlags({ message, field }: Refused, flags: Flags): string {
  const called = field === undefined ? undefined : flagOf(field, flags);
  const isTold = field === undefined || message.includes(field);
  const told = isTold ? message : `${called}: ${message}`;
  // A bare word such as path is replaced only where it is the subject: elsewhere it may be just a word.
  const named = field !== undefined && told.startsWith(field) ? `${called}${told.slice(field.length)}` : told;
  return Object.entries(flags)
    .filter(([path]) => /[.:]/.test(path))
    .reduce((text, [path, flag]) => text.replaceAll(path, flag), named);
}

/** `variables.0.name` is the name of the first --var. */
function flagOf(field: string, flags: Flags): string {
  const [, list = "", index = "", part] = /^(.+?)\.(\d+)(?:\.(\w+))?$/.exec(field) ?? [];
  const flag = flags[list];
  if (flag === undefined) return flags[field] ?? field;
  const item = `${flag} no. ${Number(index) + 1}`;
  return part === undefined ? item : `the ${part} of ${item}`;
}
