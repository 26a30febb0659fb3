import { AppError } from "../../errors/app-error.js";
import type { ObjectSelection } from "../../model/kubernetes-object.js";
import { inWords, KubeError } from "./kube-error.js";

/** Why objects can't be listed or watched, for whoever made the trigger. Where the signal aborted it is thrown instead. */
export function objectProblem(error: unknown, selection: ObjectSelection, signal: AbortSignal): unknown {
  if (signal.aborted || !(error instanceof KubeError)) return error;
  const { kind, namespace, apiVersion } = selection;
  const where = namespace === null ? "in all namespaces" : `in the namespace ${namespace}`;
  const said = inWords(error);
  switch (error.status) {
    case 401:
      return new AppError("FORBIDDEN", `The cluster does not know who Fermi is: ${said}.`, { cause: error });
    case 403:
      return new AppError("FORBIDDEN", `Fermi may not watch the kind ${kind} ${where}: ${said}.`, { cause: error });
    case 404:
      return new AppError("NOT_FOUND", `The cluster knows no kind ${kind} in ${apiVersion} any more.`, {
        cause: error,
      });
    case 400:
    case 422:
      return new AppError("BAD_USER_INPUT", `The cluster can't select so: ${said}.`, { cause: error });
    default:
      return new AppError("CLUSTER_UNAVAILABLE", `The kind ${kind} can't be watched for now: ${said}.`, {
        cause: error,
        retryAfterSeconds: 1,
      });
  }
}
