import { ChangeEntity } from "./change.entity.js";
import { EnvironmentEntity } from "./environment.entity.js";
import { FunctionVersionEntity } from "./function-version.entity.js";
import { FunctionEntity } from "./function.entity.js";
import { HttpRouteEntity } from "./http-route.entity.js";
import { HttpTriggerEntity } from "./http-trigger.entity.js";
import { QueueTriggerEntity } from "./queue-trigger.entity.js";
import { ServerProcessEntity } from "./server-process.entity.js";
import { TimeTriggerEntity } from "./time-trigger.entity.js";
import { TimerRunEntity } from "./timer-run.entity.js";
import { TriggerStatusEntity } from "./trigger-status.entity.js";
import { WatchTriggerEntity } from "./watch-trigger.entity.js";

/** Every table that TypeORM knows. */
export const entities = [
  EnvironmentEntity,
  FunctionEntity,
  FunctionVersionEntity,
  HttpTriggerEntity,
  HttpRouteEntity,
  TimeTriggerEntity,
  TimerRunEntity,
  WatchTriggerEntity,
  QueueTriggerEntity,
  TriggerStatusEntity,
  ChangeEntity,
  ServerProcessEntity,
];
