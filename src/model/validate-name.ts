import { demand, firstFault, type Demand, type Fault } from "./fault.js";
import type { ResourceName } from "./inputs.js";

/** A DNS-1123 label, which fits wherever a name goes: host names, Kubernetes, file names. */
export const isLabel = (value: string): boolean => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(value);

export const label: Demand<string> = {
  must: "must be 1 to 63 of the characters a-z, 0-9 and '-', beginning and ending with a letter or a digit",
  holds: isLabel,
};

export const labelFault = (field: string, value: string): Fault | undefined => demand(field, value, label);

export const resourceNameFault = ({ namespace, name }: ResourceName): Fault | undefined =>
  firstFault(labelFault("namespace", namespace), labelFault("name", name));

export const isId = (value: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value);

export const resourceId: Demand<string> = { must: "must be a UUID", holds: isId };
