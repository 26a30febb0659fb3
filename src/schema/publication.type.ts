import { Field, ID, Int, ObjectType } from "type-graphql";
import type { Publication } from "../model/topic-message.js";

@ObjectType("Publication", { description: "What became of a message that is stored." })
export class PublicationType implements Publication {
  @Field(() => ID, { description: "The message's." })
  id!: string;

  @Field(() => Int, {
    description: "How many queue triggers get it: those of its topic whose broker is POSTGRES, disabled ones too.",
  })
  deliveries!: number;

  @Field(() => [String], {
    description:
      "Names of queue triggers of this topic that don't get it, as their broker is NATS: theirs are subjects of NATS, to which its own clients publish. 100 names at most.",
  })
  unreached!: readonly string[];
}
