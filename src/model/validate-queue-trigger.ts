import { demand, firstFault, rule, wholeNumber, type Fault } from "./fault.js";
import { topicNameFault } from "./topic-message.js";
import type { QueueTrigger } from "./trigger.js";

export const queueTriggerLimits = { maxAttempts: [1, 100], concurrency: [1, 100] } as const;

type Checked = Pick<QueueTrigger, "topic" | "responseTopic" | "errorTopic" | "maxAttempts" | "concurrency">;

/** What is wrong with a queue trigger as it is to be. */
export const queueTriggerFault = (trigger: Checked): Fault | undefined =>
  firstFault(
    topicNameFault("topic", trigger.topic),
    outletFault(trigger, "responseTopic"),
    outletFault(trigger, "errorTopic"),
    demand("maxAttempts", trigger.maxAttempts, wholeNumber(queueTriggerLimits.maxAttempts)),
    demand("concurrency", trigger.concurrency, wholeNumber(queueTriggerLimits.concurrency)),
  );

function outletFault(trigger: Checked, field: "responseTopic" | "errorTopic"): Fault | undefined {
  const outlet = trigger[field];
  if (outlet === null) return undefined;
  const message = "must be another topic than the one that is read: its messages would go round for ever";
  return topicNameFault(field, outlet) ?? rule(outlet !== trigger.topic, field, message);
}
