import { Field, ID, ObjectType } from "type-graphql";
import type { Check } from "../model/check.js";
import type { ServerProcess } from "../model/server-process.js";
import type { Principal } from "../model/request-context.js";
import { DateTimeScalar } from "./scalars.js";

@ObjectType("Viewer", { description: "Who you are to this server." })
export class ViewerType implements Principal {
  @Field(() => String, { description: "Your name here." })
  subject!: string;

  @Field(() => [String], { description: "What you may do." })
  roles!: readonly string[];

  @Field(() => [String], { description: "Where you may do it; * is everywhere." })
  namespaces!: readonly string[];
}

@ObjectType("Check", { description: "One thing that was looked at, and what was found." })
export class CheckType implements Check {
  @Field(() => String, { description: "What was looked at." })
  name!: string;

  @Field(() => Boolean, { description: "Whether it is as it should be." })
  ok!: boolean;

  @Field(() => String, { description: "What was found, and where it is wrong, what to do." })
  message!: string;
}

@ObjectType("ServerProcess", { description: "One process of this installation." })
export class ServerProcessType implements Omit<ServerProcess, "checks" | "cluster"> {
  @Field(() => ID, { description: "Of this run of it; a restart has another." })
  id!: string;

  @Field(() => [String], { description: "What it is: api, router, poolmgr, triggers, or several of them." })
  roles!: readonly string[];

  @Field(() => String, { description: "The name of its machine; on Kubernetes its pod's." })
  host!: string;

  @Field(() => String, { description: "Its version of Fermi: others run beside it during an upgrade." })
  version!: string;

  @Field(() => DateTimeScalar, { description: "When it was started." })
  startedAt!: Date;

  @Field(() => String, { nullable: true, description: "Why it should get no traffic; null where it should." })
  unready!: string | null;

  @Field(() => [String], { description: "Those of its roles in which it works while others stand by." })
  leads!: readonly string[];
}

@ObjectType("Server", { description: "This server." })
export class ServerType {
  @Field(() => String, { description: "Fermi's version." })
  version!: string;

  @Field(() => String, { description: "What holds the resources, and its version." })
  store!: string;

  @Field(() => String, { description: "The router's address, as it is reached from outside." })
  routerUrl!: string;

  @Field(() => DateTimeScalar, { description: "When this process was started." })
  startedAt!: Date;
}
