import type { InvocationAnswer } from "../operations/invocation.operations.js";
import { formatAge, formatDescription, formatMs, printable, shortened, type Column } from "../print.js";

/** More than a screen of it is for a program, which asks for JSON. */
const shownBody = 2_000;

const fields = (now: Date): Column<InvocationAnswer>[] => [
  ["Id", ({ id }) => id],
  ["Function", ({ function: { namespace, name } }) => `${namespace}/${name}`],
  ["Version", ({ functionVersion }) => functionVersion],
  ["Source", ({ source }) => source],
  ["Trigger", ({ trigger }) => trigger?.name],
  ["Status", ({ status }) => status],
  ["Error", ({ error }) => error],
  ["Attempts", ({ attempts }) => attempts],
  ["Request", ({ method, path, requestBytes }) => `${method} ${path} (${bytes(requestBytes)})`],
  ["Answer", answered],
  ["Instance", ({ instance }) => instance],
  ["Cold start", ({ coldStart }) => (coldStart ? "yes" : "no")],
  ["Waited", ({ waitMs }) => formatMs(waitMs)],
  ["Lasted", ({ durationMs }) => formatMs(durationMs)],
  ["Accepted", ({ acceptedAt }) => `${acceptedAt} (${formatAge(acceptedAt, now)} ago)`],
  ["Finished", ({ finishedAt }) => finishedAt],
];

function answered({ httpStatus, responseBytes }: InvocationAnswer): string | null {
  if (httpStatus === null) return null;
  return responseBytes === null ? String(httpStatus) : `${httpStatus} (${bytes(responseBytes)})`;
}

const bytes = (count: number): string => (count === 1 ? "1 byte" : `${count} bytes`);

/** For people: all there is to know of it, and what it answered where that was kept. */
export const describeInvocation = (invocation: InvocationAnswer, now: Date): string =>
  formatDescription(invocation, fields(now)) + describeResult(invocation);

function describeResult({ result }: InvocationAnswer): string {
  if (result === null || result.body === "") return "";
  const { body, base64 } = result;
  if (base64) return "\nThe answer is no text; `-o json` shows it.\n";
  const text = printable(shortened(body, shownBody) ?? "");
  const rest = body.length > shownBody ? "The rest is left out; `-o json` shows it.\n" : "";
  return `\n${text}${text.endsWith("\n") ? "" : "\n"}${rest}`;
}
