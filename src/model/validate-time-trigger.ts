import { demand, firstFault, wholeNumber, type Fault } from "./fault.js";
import { scheduleFault } from "./schedule.js";
import type { TimeTrigger } from "./trigger.js";

export const timeTriggerLimits = { missedWindowSeconds: [0, 31 * 86_400] } as const;

type Checked = Pick<TimeTrigger, "schedule" | "timezone" | "armedAt" | "missedWindowSeconds">;

/** What is wrong with a time trigger as it is to be. */
export const timeTriggerFault = (trigger: Checked): Fault | undefined =>
  firstFault(
    demand("missedWindowSeconds", trigger.missedWindowSeconds, wholeNumber(timeTriggerLimits.missedWindowSeconds)),
    scheduleFault(trigger),
  );
