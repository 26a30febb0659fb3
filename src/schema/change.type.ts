import { createUnionType, Field, ObjectType } from "type-graphql";
import type { ChangedResource } from "../model/change.js";
import type { ChangeType } from "../model/resource.js";
import { ChangeTypeEnum } from "./enums.js";
import { EnvironmentType } from "./environment.type.js";
import { FunctionType } from "./function.type.js";
import { HttpTriggerType } from "./http-trigger.type.js";

/** Resources are plain rows, so the type is told by a field that only it has. */
export const ChangedResourceUnion = createUnionType({
  name: "ChangedResource",
  description: "Whatever can be created, updated and deleted.",
  types: () => [EnvironmentType, FunctionType, HttpTriggerType] as const,
  resolveType: (resource: object) =>
    "path" in resource ? HttpTriggerType : "image" in resource ? EnvironmentType : FunctionType,
});

@ObjectType("ResourceChange", { description: "For DELETED the resource is as it was last." })
export class ResourceChangeType {
  @Field(() => ChangeTypeEnum, { description: "What happened." })
  type!: ChangeType;

  @Field(() => ChangedResourceUnion, { description: "The resource after the change; for DELETED, as it was last." })
  resource!: ChangedResource["resource"];
}
