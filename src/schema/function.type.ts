import { Field, Int, ObjectType } from "type-graphql";
import type { FunctionSpec, RunSettings } from "../model/function.js";
import { ResourceType } from "./resource.type.js";

@ObjectType("RunSettings", {
  description: "How a function is run. Changing them makes no version and restarts nothing.",
})
export class RunSettingsType implements RunSettings {
  @Field(() => Int, {
    description:
      "To the response's headers, and from then on between two chunks: beyond it 504, or a cut. WebSockets: 5 minutes idle.",
  })
  timeoutSeconds!: number;

  @Field(() => Int, { description: "Requests that one instance serves at a time." })
  requestsPerInstance!: number;

  @Field(() => Int, { description: "Instances kept specialized while idle." })
  minInstances!: number;

  @Field(() => Int, { description: "Beyond this, requests wait, then get 429." })
  maxInstances!: number;

  @Field(() => Int, { description: "An instance unused for this long is ended." })
  idleTimeoutSeconds!: number;
}

@ObjectType("Function", {
  implements: ResourceType,
  description: "Source text that answers requests. What runs is its current version.",
})
export class FunctionType extends ResourceType implements FunctionSpec {
  environmentId!: string;
  currentVersionId!: string;
  currentVersionNumber!: number;

  @Field(() => RunSettingsType, { description: "How it is run, whichever version is current." })
  settings!: RunSettings;
}
