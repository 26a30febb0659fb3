import { Field, InputType, Int } from "type-graphql";
import type { RunSettings } from "../model/function.js";
import type { FunctionChange } from "../model/inputs.js";
import { IsBetween, rule } from "./rules.js";

const limits = {
  timeoutSeconds: { min: 1, max: 3600, default: 60, description: "Time limit in seconds" },
  requestsPerInstance: { min: 1, max: 1000, default: 1, description: "Requests that one instance serves at a time" },
  minInstances: { min: 0, max: 1000, default: 0, description: "Instances kept specialized while idle" },
  maxInstances: { min: 1, max: 1000, default: 100, description: "Instances at most" },
  idleTimeoutSeconds: { min: 1, max: 86_400, default: 120, description: "An instance unused for this long is ended" },
} as const satisfies Record<keyof RunSettings, unknown>;

/** One setting: in a new function with its default, in a change nullable. */
const setting =
  (name: keyof RunSettings, kind: "new" | "change"): PropertyDecorator =>
  (target, property) => {
    const { min, max, default: defaultValue, description } = limits[name];
    const presence = kind === "new" ? { defaultValue } : { nullable: true };
    Field(() => Int, { ...presence, description: `${description}: ${min} to ${max}.` })(target, property);
    IsBetween(min, max)(target, property);
  };

const isAtMostMaxInstances = (min: unknown, { maxInstances }: Partial<RunSettings>): boolean =>
  typeof min !== "number" || typeof maxInstances !== "number" || min <= maxInstances;

const FitsMaxInstances = (): PropertyDecorator =>
  rule("fitsMaxInstances", "must be at most maxInstances", isAtMostMaxInstances);

@InputType("RunSettingsInput", { description: "How a function is run." })
export class RunSettingsInput implements RunSettings {
  @setting("timeoutSeconds", "new")
  timeoutSeconds!: number;

  @setting("requestsPerInstance", "new")
  requestsPerInstance!: number;

  @setting("minInstances", "new")
  @FitsMaxInstances()
  minInstances!: number;

  @setting("maxInstances", "new")
  maxInstances!: number;

  @setting("idleTimeoutSeconds", "new")
  idleTimeoutSeconds!: number;
}

@InputType("UpdateRunSettingsInput", { description: "A change of how a function is run. What is left out stays." })
export class UpdateRunSettingsInput implements NonNullable<FunctionChange["settings"]> {
  @setting("timeoutSeconds", "change")
  timeoutSeconds?: number | null;

  @setting("requestsPerInstance", "change")
  requestsPerInstance?: number | null;

  @setting("minInstances", "change")
  @FitsMaxInstances()
  minInstances?: number | null;

  @setting("maxInstances", "change")
  maxInstances?: number | null;

  @setting("idleTimeoutSeconds", "change")
  idleTimeoutSeconds?: number | null;
}
