import type { Environment } from "../model/environment.js";
import type { FunctionSpec, FunctionVersion } from "../model/function.js";
import type { Invocation } from "../model/invocation.js";
import type { LogLine } from "../model/log-line.js";
import type { Trigger } from "../model/trigger.js";
import { declareConnection, declareCountedConnection } from "./connection.type.js";
import { EnvironmentType } from "./environment.type.js";
import { FunctionVersionType } from "./function-version.type.js";
import { FunctionType } from "./function.type.js";
import { InvocationType } from "./invocation.type.js";
import { LogLineType } from "./log-line.type.js";
import { TriggerType } from "./trigger.type.js";

export const EnvironmentConnection = declareCountedConnection<Environment>("Environment", EnvironmentType);
export const FunctionConnection = declareCountedConnection<FunctionSpec>("Function", FunctionType);
export const FunctionVersionConnection = declareCountedConnection<FunctionVersion>(
  "FunctionVersion",
  FunctionVersionType,
);
export const TriggerConnection = declareCountedConnection<Trigger>("Trigger", TriggerType);
export const InvocationConnection = declareConnection<Invocation>("Invocation", InvocationType);
export const LogConnection = declareConnection<LogLine>("Log", LogLineType);
