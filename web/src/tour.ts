import later from "./tour/later.graphql";
import queue from "./tour/queue.graphql";
import start from "./tour/start.graphql";
import step1 from "./tour/step1-create.graphql";
import step2 from "./tour/step2-route.graphql";
import step3 from "./tour/step3-call.graphql";
import step4 from "./tour/step4-logs.graphql";
import step5 from "./tour/step5-timer.graphql";
import watch from "./tour/watch.graphql";

export interface Step {
  readonly title: string;
  readonly summary: string;
  readonly operation: string;
}

/** The tabs that a first visit opens. Each is complete: it runs as it stands on a fresh install, in this order. */
export const tour: readonly Step[] = [
  { title: "Start", summary: "What there is: environments, functions, routes, the server's health.", operation: start },
  { title: "Create", summary: "Source text becomes a function.", operation: step1 },
  { title: "Route", summary: "A route gives it an address to call.", operation: step2 },
  { title: "Call", summary: "Call it from here and see how the call went.", operation: step3 },
  { title: "Logs", summary: "Follow live what it prints.", operation: step4 },
  { title: "Timer", summary: "A timer calls it by itself.", operation: step5 },
];

/** What else calls functions; opened on demand. Each is complete, too, where there is what it is about. */
export const moreWays: readonly Step[] = [
  { title: "Later", summary: "A call that nobody waits for.", operation: later },
  { title: "Queue", summary: "Messages of a topic call a function.", operation: queue },
  { title: "Watch", summary: "A cluster's objects call a function.", operation: watch },
];
