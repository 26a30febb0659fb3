import { Field, InputType, Int } from "type-graphql";
import { defaultRunSettings, type RunSettings } from "../model/function.js";
import type { FunctionChange } from "../model/inputs.js";
import { settingLimits } from "../model/validate-function.js";

const descriptions: Record<keyof RunSettings, string> = {
  timeoutSeconds: "Time limit in seconds",
  requestsPerInstance: "Requests that one instance serves at a time",
  minInstances: "Instances kept specialized while idle",
  maxInstances: "Instances at most",
  idleTimeoutSeconds: "An instance unused for this long is ended",
};

/** One setting: in a new function with its default, in a change nullable. */
function setting(name: keyof RunSettings, kind: "new" | "change"): PropertyDecorator {
  const [min, max] = settingLimits[name];
  const description = `${descriptions[name]}: ${min} to ${max}.`;
  const presence = kind === "new" ? { defaultValue: defaultRunSettings[name] } : { nullable: true };
  return Field(() => Int, { ...presence, description });
}

@InputType("RunSettingsInput", { description: "How a function is run." })
export class RunSettingsInput implements RunSettings {
  @setting("timeoutSeconds", "new")
  timeoutSeconds!: number;

  @setting("requestsPerInstance", "new")
  requestsPerInstance!: number;

  @setting("minInstances", "new")
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
  minInstances?: number | null;

  @setting("maxInstances", "change")
  maxInstances?: number | null;

  @setting("idleTimeoutSeconds", "change")
  idleTimeoutSeconds?: number | null;
}
