import { ChangeEntity } from "./change.entity.js";
import { EnvironmentEntity } from "./environment.entity.js";
import { FunctionVersionEntity } from "./function-version.entity.js";
import { FunctionEntity } from "./function.entity.js";
import { HttpRouteEntity } from "./http-route.entity.js";
import { HttpTriggerEntity } from "./http-trigger.entity.js";
import { ServerProcessEntity } from "./server-process.entity.js";

/** Every table that TypeORM knows. */
export const entities = [
  EnvironmentEntity,
  FunctionEntity,
  FunctionVersionEntity,
  HttpTriggerEntity,
  HttpRouteEntity,
  ChangeEntity,
  ServerProcessEntity,
];
