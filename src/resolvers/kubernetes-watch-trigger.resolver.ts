import { Arg, Ctx, Mutation, Resolver } from "type-graphql";
import type { KubernetesWatchTrigger } from "../model/trigger.js";
import {
  CreateKubernetesWatchTriggerInput,
  UpdateKubernetesWatchTriggerInput,
} from "../schema/kubernetes-watch-trigger.input.js";

import { KubernetesWatchTriggerType } from "../schema/kubernetes-watch-trigger.type.js";
import type { ApiContext } from "./api-context.js";
import type { TriggerOperations } from "./operations.js";

@Resolver(() => KubernetesWatchTriggerType)
export class KubernetesWatchTriggerResolver {
  constructor(private readonly triggers: TriggerOperations) {}

  @Mutation(() => KubernetesWatchTriggerType, {
    description: "Makes a watch: from then on its function is called with what becomes of its objects.",
  })
  createKubernetesWatchTrigger(
    @Arg("input", () => CreateKubernetesWatchTriggerInput, { description: "What it is to be." })
    input: CreateKubernetesWatchTriggerInput,
    @Ctx() ctx: ApiContext,
  ): Promise<KubernetesWatchTrigger> {
    return this.triggers.createWatch(ctx, input);
  }

  @Mutation(() => KubernetesWatchTriggerType, { description: "Changes a watch." })
  updateKubernetesWatchTrigger(
    @Arg("input", () => UpdateKubernetesWatchTriggerInput, { description: "What is to change." })
    input: UpdateKubernetesWatchTriggerInput,
    @Ctx() ctx: ApiContext,
  ): Promise<KubernetesWatchTrigger> {
    return this.triggers.updateWatch(ctx, input);
  }
}
