import { Field, ID, Int, ObjectType } from "type-graphql";
import type { LogLine, LogStream } from "../model/log-line.js";
import { LogStreamEnum } from "./enums.js";
import { DateTimeScalar } from "./scalars.js";

@ObjectType("LogLine", { description: "One line that a function printed, or that Fermi says about an instance." })
export class LogLineType implements LogLine {
  @Field(() => ID, { description: "Its place in the order of all lines, as decimal text." })
  id!: string;

  @Field(() => DateTimeScalar, { description: "When it was printed." })
  at!: Date;

  @Field(() => LogStreamEnum, { description: "Where it was written." })
  stream!: LogStream;

  @Field(() => String, { description: "The line, without its line feed." })
  message!: string;

  functionId!: string;

  @Field(() => Int, { nullable: true, description: "The version that the instance ran." })
  functionVersion!: number | null;

  @Field(() => ID, {
    nullable: true,
    description: "Null for what is printed outside any invocation (while the code loads, say).",
  })
  invocationId!: string | null;

  @Field(() => String, { description: "The instance that printed it." })
  instance!: string;
}
