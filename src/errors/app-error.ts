import { errorCodes, type ErrorCode } from "./codes.js";

interface AppErrorOptions extends ErrorOptions {
  /** The input field at fault, as a path such as `settings.timeoutSeconds`. */
  readonly field?: string;
  /** When a retry makes sense, in seconds. */
  readonly retryAfterSeconds?: number;
}

/**
 * The one error that crosses a boundary. `message` is for the caller: no addresses, no SQL, no input echoed;
 * whatever only the operator may see goes in `cause`.
 */
export class AppError extends Error {
  readonly field: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    readonly code: ErrorCode,
    message: string,
    { field, retryAfterSeconds, ...options }: AppErrorOptions = {},
  ) {
    super(message, options);
    this.name = code;
    this.field = field;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  get httpStatus(): number {
    return errorCodes[this.code].httpStatus;
  }
}

export const badInput = (field: string, message: string): AppError =>
  new AppError("BAD_USER_INPUT", message, { field });
