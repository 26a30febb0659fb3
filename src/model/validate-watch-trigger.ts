import { demand, firstFault, type Demand, type Fault } from "./fault.js";
import type { KubernetesWatchTrigger } from "./trigger.js";
import { labelFault } from "./validate-name.js";

const maxCharacters = 2_000;

const matching = (form: RegExp, must: string): Demand<string> => ({
  must,
  holds: (value) => value.length <= maxCharacters && form.test(value),
});

const apiVersion = matching(
  /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
  "must be the version of a Kubernetes API, such as v1 or apps/v1",
);

const objectKind = matching(
  /^[A-Za-z][A-Za-z0-9]{0,62}$/,
  "must be a kind of Kubernetes object in the singular, such as Pod",
);

/*
 * Selectors may be long, so each text is to be read in one way only: whatever may be left out takes the white space that
 * follows it along. With two ways to read a space, what is none in the end would be tried in exponentially many.
 */
const name = String.raw`[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?\s*`;
const key = String.raw`([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?${name}`;
const value = `(${name})?`;
const values = String.raw`\(\s*${value}(,\s*${value})*\)\s*`;
const requirement = String.raw`\s*(!\s*${key}|${key}((=|==|!=)\s*${value}|(?<=\s)(in|notin)\s*${values})?)`;

const labelSelector = matching(
  new RegExp(`^${requirement}(,${requirement})*$`),
  "must be a label selector of Kubernetes, such as app=shop,tier in (web, api),!draft",
);

const fieldRequirement = String.raw`\s*[A-Za-z0-9_.\[\]'/-]+\s*(=|==|!=)([^,=\\]|\\[,=\\])*`;

const fieldSelector = matching(
  new RegExp(`^${fieldRequirement}(,${fieldRequirement})*$`),
  "must be a field selector of Kubernetes, such as metadata.name=shop,status.phase!=Running",
);

type Checked = Pick<
  KubernetesWatchTrigger,
  "apiVersion" | "objectKind" | "watchNamespace" | "labelSelector" | "fieldSelector"
>;

/** What is wrong with a watch trigger as it is to be; fields are called as in GraphQL. */
export const watchTriggerFault = (trigger: Checked): Fault | undefined =>
  firstFault(
    demand("apiVersion", trigger.apiVersion, apiVersion),
    demand("kind", trigger.objectKind, objectKind),
    trigger.watchNamespace === null ? undefined : labelFault("watchNamespace", trigger.watchNamespace),
    trigger.labelSelector === null ? undefined : demand("labelSelector", trigger.labelSelector, labelSelector),
    trigger.fieldSelector === null ? undefined : demand("fieldSelector", trigger.fieldSelector, fieldSelector),
  );
