/** Why a pod does not come up, or has ended, in words that say what to do about it: pure. */
import { fetcherContainer } from "./fission-pod.js";
import { functionContainer } from "./manifests.js";
import type { Condition, ContainerStatus, Pod, Termination } from "./pod.js";
import { functionStatus, statusOf } from "./read-pod.js";

const maxWords = 300;

/** Null while nothing is known to be wrong. `before` is what was found the last time: some states forget their cause. */
export function startProblem(pod: Pod, before: string | null = null): string | null {
  const container = functionStatus(pod);
  if (container === undefined) return roomProblem(pod.status?.conditions ?? []);
  const problem = containerProblem(pod, container, before);
  const beside = statusOf(pod, fetcherContainer);
  return problem ?? (beside === undefined ? null : containerProblem(pod, beside, before));
}

function containerProblem(pod: Pod, container: ContainerStatus, before: string | null): string | null {
  const { reason, message = "" } = container.state?.waiting ?? {};
  const ended = lastEnd(container);
  const keepsEnding = reason === "CrashLoopBackOff" || container.restartCount >= 2;
  const whose =
    container.name === functionContainer ? "the image's container" : `the ${container.name} beside the image`;
  if (keepsEnding && ended !== undefined) return `${whose} keeps ending: it ${endWords(pod, ended, container.name)}`;
  const image = imageOf(pod, container.name);
  return reason === undefined ? null : waitingProblem(image, { reason, message }, before);
}

/** How a pod that has ended did so; null where it was only deleted. */
export function endReason(pod: Pod): string | null {
  const byNode = nodeReason(pod.status?.reason, pod.status?.message ?? "");
  if (byNode !== null) return byNode;
  const container = functionStatus(pod);
  const ended = container === undefined ? undefined : ownEnd(pod, container);
  if (ended === undefined) return null;
  const isOrderly = pod.metadata.deletionTimestamp !== undefined && container?.restartCount === 0;
  return isOrderly && isAskedFor(ended) ? null : endWords(pod, ended);
}

/** Its container ended of its own doing, memory it had no right to included; not by its node, an operator or a killer. */
export function hasFailedByItself(pod: Pod): boolean {
  const { reason, message = "" } = pod.status ?? {};
  if (endReason(pod) === null || nodeReason(reason, message) !== null) return false;
  const container = functionStatus(pod);
  const ended = container === undefined ? undefined : ownEnd(pod, container);
  return ended !== undefined && (ended.reason === "OOMKilled" || !(ended.exitCode === 137 || ended.signal === 9));
}

function nodeReason(reason: string | undefined, message: string): string | null {
  if (reason === "Evicted") return `was evicted from its node: ${clip(message)}`;
  if (reason === "NodeLost") return "was lost with its node, which does not answer";
  if (reason === "NodeShutdown" || reason === "Terminated") return "was ended with its node";
  return reason === undefined ? null : `was ended by its node (${clip(`${reason}: ${message}`)})`;
}

/** Of a container that was started again and then told to end with its pod, the end before. */
function ownEnd({ metadata }: Pod, container: ContainerStatus): Termination | undefined {
  const { state, lastState } = container;
  const isAsked = metadata.deletionTimestamp !== undefined && state?.terminated !== undefined;
  const before = isAsked && isAskedFor(state.terminated) ? lastState?.terminated : undefined;
  return before ?? lastEnd(container);
}

const lastEnd = ({ state, lastState }: ContainerStatus): Termination | undefined =>
  state?.terminated ?? lastState?.terminated;

/** What a container does that was told to end with its pod. */
const isAskedFor = ({ exitCode, reason }: Termination): boolean =>
  reason !== "OOMKilled" && [0, 137, 143].includes(exitCode);

function endWords(pod: Pod, ended: Termination, container = functionContainer): string {
  const { exitCode, signal, reason, message } = ended;
  if (reason === "OOMKilled") return `used more than its memory limit${memoryLimit(pod, container)} (OOMKilled)`;
  if (reason === "ContainerCannotRun" || reason === "StartError") return `can't be started: ${clip(message ?? "")}`;
  const words = lastWords(message ?? "");
  const how = signal !== undefined && signal > 0 ? `was killed by signal ${signal}` : exitWords(exitCode);
  return words === "" ? how : `${how}: ${words}`;
}

function exitWords(code: number): string {
  if (code === 0) return "exited";
  return code === 137 ? "was killed by SIGKILL" : `exited with code ${code}`;
}

function memoryLimit({ spec }: Pod, container: string): string {
  const limit = spec.containers.find(({ name }) => name === container)?.resources?.limits?.["memory"];
  return limit === undefined ? "" : ` of ${limit}`;
}

/** The last line that says something, as a runtime prints it or as it comes. */
function lastWords(text: string): string {
  const lines = text
    .split("\n")
    .map(plain)
    .filter((line) => line.trim() !== "");
  const telling = lines.filter((line) => /error|exception/i.test(line));
  return clip((telling.at(-1) ?? lines.at(-1) ?? "").trim());
}

function plain(line: string): string {
  try {
    const { m } = JSON.parse(line) as { m?: unknown };
    return typeof m === "string" ? (m.split("\n")[0] ?? "") : line;
  } catch {
    return line;
  }
}

const imageReasons = [
  "ErrImagePull",
  "ImagePullBackOff",
  "ErrImageNeverPull",
  "InvalidImageName",
  "RegistryUnavailable",
];

interface Waiting {
  readonly reason: string;
  readonly message: string;
}

function waitingProblem(image: string, { reason, message }: Waiting, before: string | null): string | null {
  if (["ContainerCreating", "PodInitializing"].includes(reason)) return null;
  const user = userProblem(message);
  if (user !== null) return `the image ${image} ${user}`;
  if (!imageReasons.includes(reason))
    return `the container can't be started (${reason}${message && `: ${clip(message)}`})`;
  const start = `the image ${image} can't be pulled`;
  if (reason === "ImagePullBackOff" && before?.startsWith(start)) return before;
  return `${start} (${reason}${pullCause(message)})`;
}

/** The node's own words for it name the pod, which is nothing to whoever calls a function. */
function userProblem(message: string): string | null {
  if (!message.includes("runAsNonRoot")) return null;
  if (message.includes("image will run as root")) return "runs as root; give it a USER that is a number other than 0";
  if (!message.includes("non-numeric user")) return null;
  return "has a USER that is a name, which may be root's; give it one that is a number other than 0";
}

const imageOf = ({ spec }: Pod, container: string): string =>
  spec.containers.find(({ name }) => name === container)?.image ?? "";

/** A registry's own words have addresses in them; what they mean is enough. */
function pullCause(message: string): string {
  if (/not found|manifest unknown|does not exist/i.test(message)) return ": there is no such image";
  if (/unauthorized|denied|forbidden|authenticat/i.test(message))
    return ": the registry refuses access; imagePullSecrets of the pod template may be missing";
  if (/dial|no such host|timeout|refused|unreachable|i\/o/i.test(message)) return ": the registry can't be reached";
  return "";
}

function roomProblem(conditions: readonly Condition[]): string | null {
  const scheduled = conditions.find(({ type, status }) => type === "PodScheduled" && status === "False");
  if (scheduled === undefined) return null;
  const { reason = "not scheduled", message = "" } = scheduled;
  return `${nodeWords(message)} (${reason}: ${clip(message)})`;
}

/** By the scheduler's message. A node that is full is one that would suit, whatever else is wrong with others. */
function nodeWords(message: string): string {
  if (/insufficient|too many pods/i.test(message)) return "no node has room for another instance";
  if (/affinity|topology spread/i.test(message))
    return "no node is one that the pod template allows (nodeSelector, affinity, topologySpreadConstraints)";
  return "no node takes another instance";
}

const clip = (text: string): string => {
  const line = text.replace(/\s+/g, " ").trim().replace(/\.$/, "");
  return line.length > maxWords ? `${line.slice(0, maxWords)}…` : line;
};
