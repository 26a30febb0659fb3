import { Field, ID, Int, ObjectType } from "type-graphql";
import type { InstanceState } from "../model/instance-state.js";
import type { Instance, Pool } from "../model/instance.js";
import { InstanceStateEnum } from "./enums.js";
import { DateTimeScalar } from "./scalars.js";

@ObjectType("Instance", { description: "One pod (on Kubernetes) or one process (embedded)." })
export class InstanceType implements Instance {
  @Field(() => ID, { description: "The pod's name, or the process's." })
  id!: string;

  @Field(() => InstanceStateEnum, { description: "Where it is in its life." })
  state!: InstanceState;

  @Field(() => String, { nullable: true, description: "host:port on which it listens; null while it starts." })
  address!: string | null;

  environmentId!: string;
  functionId!: string | null;

  @Field(() => Int, { nullable: true, description: "Which version of the function it runs; null while it runs none." })
  functionVersion!: number | null;

  @Field(() => Int, { description: "Requests it is serving now." })
  inFlight!: number;

  @Field(() => DateTimeScalar, { description: "When it was started." })
  startedAt!: Date;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: "When its function was loaded; null while it runs none.",
  })
  specializedAt!: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: "When it last served a request." })
  lastUsedAt!: Date | null;

  @Field(() => String, {
    nullable: true,
    description: "Why it does not come up, in words; null where nothing is known to be wrong.",
  })
  problem!: string | null;
}

@ObjectType("Pool", { description: "The instances of one environment, warm and specialized." })
export class PoolType implements Pool {
  environmentId!: string;

  @Field(() => Int, { description: "Instances that are ready to take a function." })
  warm!: number;

  @Field(() => Int, { description: "Instances that are being started." })
  starting!: number;

  @Field(() => Int, { description: "Instances that run a function." })
  specialized!: number;

  @Field(() => String, {
    nullable: true,
    description: "Why it can't be filled, in words; null where nothing is known to be wrong.",
  })
  problem!: string | null;

  @Field(() => [InstanceType], { description: "All of them." })
  instances!: readonly Instance[];
}
