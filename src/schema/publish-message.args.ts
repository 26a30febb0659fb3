import { ArgsType, Field } from "type-graphql";
import { IsMediaType } from "./rules.js";

/** What is wrong with them the service says, for whoever publishes; it knows of headers, not of this one's name here. */
@ArgsType()
export class PublishMessageArgs {
  @Field(() => String, {
    description: "The topic's name: letters, digits, '-' and '_', with dots between; it need not be made before.",
  })
  topic!: string;

  @Field(() => String, { description: "The message: text of 1 MiB at most." })
  body!: string;

  @Field(() => String, { nullable: true, description: "Each trigger handles messages of one key one after another." })
  key?: string | null;

  @Field(() => String, { defaultValue: "default", description: "The namespace that the topic belongs to." })
  namespace!: string;

  @Field(() => String, {
    nullable: true,
    description:
      "The body's media type, as functions get it; where left out, application/json for JSON, else text/plain.",
  })
  @IsMediaType()
  contentType?: string | null;
}
