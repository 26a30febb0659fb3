import { Field, ID, Int, InterfaceType } from "type-graphql";
import type { Resource } from "../model/resource.js";
import { DateTimeScalar } from "./scalars.js";

/** The fields every stored resource has; also the base of those types, so that they are declared once. */
@InterfaceType("Resource", { description: "Whatever is stored under a namespace and a name." })
export abstract class ResourceType implements Resource {
  @Field(() => ID, { description: "A UUID that never changes." })
  id!: string;

  @Field(() => String, { description: "The namespace it lives in: a DNS-1123 label." })
  namespace!: string;

  @Field(() => String, { description: "Unique among the resources of its kind in its namespace: a DNS-1123 label." })
  name!: string;

  @Field(() => Int, {
    description: "Grows by one at every change; send it back as expectedRevision to change only what you have seen.",
  })
  revision!: number;

  @Field(() => DateTimeScalar, { description: "When it was created." })
  createdAt!: Date;

  @Field(() => DateTimeScalar, { description: "When it was changed last." })
  updatedAt!: Date;
}
