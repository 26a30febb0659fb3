import { createUnionType, Field, ObjectType } from "type-graphql";
import type { ChangedResource } from "../model/change.js";
import type { ChangeType } from "../model/resource.js";
import { ChangeTypeEnum } from "./enums.js";
import { EnvironmentType } from "./environment.type.js";
import { FunctionType } from "./function.type.js";
import { HttpTriggerType } from "./http-trigger.type.js";
import { KubernetesWatchTriggerType } from "./kubernetes-watch-trigger.type.js";
import { QueueTriggerType } from "./queue-trigger.type.js";
import { TimeTriggerType } from "./time-trigger.type.js";

const triggerTypes = {
  HTTP: HttpTriggerType,
  TIME: TimeTriggerType,
  KUBERNETES_WATCH: KubernetesWatchTriggerType,
  QUEUE: QueueTriggerType,
} as const;

/** Resources are plain rows: triggers say of which kind they are, the others are told by a field that only they have. */
export const ChangedResourceUnion = createUnionType({
  name: "ChangedResource",
  description: "Whatever can be created, updated and deleted.",
  types: () =>
    [
      EnvironmentType,
      FunctionType,
      HttpTriggerType,
      TimeTriggerType,
      KubernetesWatchTriggerType,
      QueueTriggerType,
    ] as const,
  resolveType: (resource: ChangedResource["resource"]) =>
    "kind" in resource ? triggerTypes[resource.kind] : "image" in resource ? EnvironmentType : FunctionType,
});

@ObjectType("ResourceChange", { description: "For DELETED the resource is as it was last." })
export class ResourceChangeType {
  @Field(() => ChangeTypeEnum, { description: "What happened." })
  type!: ChangeType;

  @Field(() => ChangedResourceUnion, { description: "The resource after the change; for DELETED, as it was last." })
  resource!: ChangedResource["resource"];
}
