/**
 * When answers leave. To wake the reader of a small answer costs the system as much as all that is done here to make it;
 * so answers that are ready in the same turn of the event loop leave together, and their reader is woken once. They are
 * held only while several are ready in a turn, quickly one after the other. Code that is slow then for the first time holds
 * up those that were ready before it, once: they leave before another request's code begins, and the next are not held.
 */
import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers";

/** As many leave at once, before the turn ends. */
const enough = 16;
/** Of user code and all else, for each answer of a turn. */
const quickMs = 0.1;
/** Answers that just leave, after a turn that had but one or slow ones: to look costs a little. */
const pause = 16;

const held = [];
let isHolding = false;
let pausing = 0;
/** Of this turn: how many answers were ready, and when the first was. */
let ready = 0;
let begunAt = 0;

/** Calls `send`, which must not throw: now, or when the turn ends. */
export function depart(send) {
  if (pausing > 0) {
    pausing -= 1;
    return send();
  }
  if (ready === 0) beginTurn();
  ready += 1;
  if (!isHolding) return send();
  held.push(send);
  if (held.length === enough) sendHeld();
}

/** To be called before a request's code begins. */
export function beforeUserCode() {
  if (held.length > 0 && !isQuick()) sendHeld();
}

function beginTurn() {
  begunAt = performance.now();
  setImmediate(endTurn);
}

function endTurn() {
  sendHeld();
  isHolding = ready > 1 && isQuick();
  if (!isHolding) pausing = pause;
  ready = 0;
}

const isQuick = () => performance.now() - begunAt < ready * quickMs;

function sendHeld() {
  for (const send of held.splice(0)) send();
}

// One function's code may end the process while answers of others are held.
process.on("exit", sendHeld);
