import type { MigrationInterface } from "typeorm";
import { Resources1700000000001 } from "./1700000000001-resources.js";
import { Records1700000000002 } from "./1700000000002-records.js";
import { Processes1700000000004 } from "./1700000000004-processes.js";
import { PodTemplate1700000000005 } from "./1700000000005-pod-template.js";
import { Triggers1700000000006 } from "./1700000000006-triggers.js";
import { Topics1700000000007 } from "./1700000000007-topics.js";
import { WatchProgress1700000000008 } from "./1700000000008-watch-progress.js";
import { TimerRuns1700000000009 } from "./1700000000009-timer-runs.js";
import { AsyncInvocations1700000000010 } from "./1700000000010-async-invocations.js";
import { RouteMode1700000000011 } from "./1700000000011-route-mode.js";
import { InvocationTrigger1700000000012 } from "./1700000000012-invocation-trigger.js";
import { RequestDigest1700000000013 } from "./1700000000013-request-digest.js";
import { DeadInvocations1700000000014 } from "./1700000000014-dead-invocations.js";
import { RareStatuses1700000000015 } from "./1700000000015-rare-statuses.js";

/** In the order in which they run; the number at a class name's end is what TypeORM sorts by. */
export const migrations: (new () => MigrationInterface)[] = [
  Resources1700000000001,
  Records1700000000002,
  Processes1700000000004,
  PodTemplate1700000000005,
  Triggers1700000000006,
  Topics1700000000007,
  WatchProgress1700000000008,
  TimerRuns1700000000009,
  AsyncInvocations1700000000010,
  RouteMode1700000000011,
  InvocationTrigger1700000000012,
  RequestDigest1700000000013,
  DeadInvocations1700000000014,
  RareStatuses1700000000015,
];
