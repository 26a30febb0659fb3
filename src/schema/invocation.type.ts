import { Field, Float, ID, Int, ObjectType, UseMiddleware } from "type-graphql";
import type {
  Invocation,
  InvocationResult,
  InvocationSource,
  InvocationStats,
  InvocationStatus,
} from "../model/invocation.js";
import { InvocationSourceEnum, InvocationStatusEnum } from "./enums.js";
import { atMost, saturated } from "./saturated.js";
import { DateTimeScalar, JsonScalar } from "./scalars.js";

@ObjectType("InvocationResult", { description: "What a function answered." })
export class InvocationResultType implements InvocationResult {
  @Field(() => Int, { description: "The answer's HTTP status." })
  httpStatus!: number;

  @Field(() => JsonScalar, { description: "The answer's headers: name to value, or to a list where one is repeated." })
  headers!: InvocationResult["headers"];

  @Field(() => String, { description: "The body as text, or base64 where it is no UTF-8." })
  body!: string;

  @Field(() => Boolean, { description: "Whether the body is base64." })
  base64!: boolean;
}

@ObjectType("InvocationStats", { description: "Counts and times of a function's invocations in a window." })
export class InvocationStatsType implements InvocationStats {
  @UseMiddleware(saturated)
  @Field(() => Int, { description: `How many ended. ${atMost}` })
  total!: number;

  @UseMiddleware(saturated)
  @Field(() => Int, { description: `How many of them failed or timed out. ${atMost}` })
  failed!: number;

  @UseMiddleware(saturated)
  @Field(() => Int, { description: `How many of them waited for an instance to load the code. ${atMost}` })
  coldStarts!: number;

  @Field(() => Float, {
    nullable: true,
    description: "Half took at most this many milliseconds; null where none ended.",
  })
  p50Ms!: number | null;

  @Field(() => Float, { nullable: true, description: "95 of 100 took at most this many milliseconds." })
  p95Ms!: number | null;

  @Field(() => Float, { nullable: true, description: "99 of 100 took at most this many milliseconds." })
  p99Ms!: number | null;
}

@ObjectType("Invocation", { description: "One call of a function." })
export class InvocationType implements Invocation {
  @Field(() => ID, { description: "A UUID; the caller of a route gets it as X-Fermi-Invocation-Id." })
  id!: string;

  functionId!: string;
  triggerId!: string | null;

  @Field(() => Int, { description: "The number of the version that ran." })
  functionVersion!: number;

  @Field(() => InvocationSourceEnum, { description: "Who called." })
  source!: InvocationSource;

  @Field(() => InvocationStatusEnum, { description: "How far it has come, or how it ended." })
  status!: InvocationStatus;

  @Field(() => String, { description: "The request's HTTP method." })
  method!: string;

  @Field(() => String, { description: "The request's path, without its query string, which may hold secrets." })
  path!: string;

  @Field(() => Int, { nullable: true, description: "What the caller got; null until it is known." })
  httpStatus!: number | null;

  @Field(() => String, { nullable: true, description: "Why it failed, in one line a person can act on." })
  error!: string | null;

  @Field(() => Boolean, { description: "Whether it waited for an instance to load the code." })
  coldStart!: boolean;

  @Field(() => Float, { nullable: true, description: "From acceptance to the last byte." })
  durationMs!: number | null;

  @Field(() => Float, { nullable: true, description: "Waiting for an instance, a cold start included." })
  waitMs!: number | null;

  @Field(() => Int, { description: "How often it was tried." })
  attempts!: number;

  @UseMiddleware(saturated)
  @Field(() => Int, { description: `Size of the request's body. ${atMost}` })
  requestBytes!: number;

  @UseMiddleware(saturated)
  @Field(() => Int, { description: `Size of the response's body. ${atMost}` })
  responseBytes!: number;

  @Field(() => String, { nullable: true, description: "The instance it ran on; null where it ran on none." })
  instance!: string | null;

  @Field(() => DateTimeScalar, { description: "When it was accepted." })
  acceptedAt!: Date;

  @Field(() => DateTimeScalar, { nullable: true, description: "When it ended; null until then." })
  finishedAt!: Date | null;
}

@ObjectType("RedriveResult", { description: "What came of running DEAD invocations again." })
export class RedriveResultType {
  @Field(() => Int, { description: "How many were put into the queue again." })
  count!: number;

  @Field(() => Boolean, { description: "Whether the limit was reached, so that there may be more." })
  hasMore!: boolean;
}
