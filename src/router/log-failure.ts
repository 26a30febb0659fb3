import type { AppError } from "../errors/app-error.js";
import { errorCodes } from "../errors/codes.js";
import type { Logger } from "../lib/logger.js";
import type { Call } from "./call.js";

/** One line per failure of the platform, as loud as its owner deserves. The cause is for the operator only. */
export function logFailure(logger: Logger, error: AppError, call: Call): void {
  const { callee, invocationId, instance } = call;
  const { code, message, cause } = error;
  const fields = {
    code,
    invocationId,
    instance,
    namespace: callee.of.namespace,
    function: callee.of.functionName,
    cause,
  };
  switch (errorCodes[code].owner) {
    case "platform":
      return logger.error(fields, message);
    case "capacity":
    case "function":
      return logger.warn(fields, message);
    case "client":
    case "routing":
      return logger.debug(fields, message);
  }
}
