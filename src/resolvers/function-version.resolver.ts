import { Ctx, FieldResolver, Resolver, Root } from "type-graphql";
import type { Environment } from "../model/environment.js";
import type { FunctionSpec, FunctionVersion } from "../model/function.js";
import { EnvironmentType } from "../schema/environment.type.js";
import { FunctionVersionType } from "../schema/function-version.type.js";
import { FunctionType } from "../schema/function.type.js";
import { type ApiContext, getReferred } from "./api-context.js";
import { sourceComplexity } from "./complexity.js";

@Resolver(() => FunctionVersionType)
export class FunctionVersionResolver {
  @FieldResolver(() => FunctionType, { description: "The function it is a version of." })
  function(@Root() { functionId }: FunctionVersion, @Ctx() { loaders }: ApiContext): Promise<FunctionSpec> {
    return getReferred(loaders.functions, functionId, "function");
  }

  @FieldResolver(() => EnvironmentType, { description: "What it runs in." })
  environment(@Root() { environmentId }: FunctionVersion, @Ctx() { loaders }: ApiContext): Promise<Environment> {
    return getReferred(loaders.environments, environmentId, "environment");
  }

  @FieldResolver(() => String, {
    nullable: true,
    complexity: sourceComplexity,
    description: "The text, where the code is one file.",
  })
  source(@Root() { id }: FunctionVersion, @Ctx() { loaders }: ApiContext): Promise<string | undefined> {
    return loaders.sources.load(id);
  }
}
