/** Who has to act on an error. */
export type ErrorOwner = "client" | "routing" | "function" | "capacity" | "platform";

interface ErrorTraits {
  readonly owner: ErrorOwner;
  readonly httpStatus: number;
  readonly isRetryable: boolean;
}

/** The closed set of error codes; docs/errors.md has one section for each. */
export const errorCodes = {
  BAD_USER_INPUT: { owner: "client", httpStatus: 400, isRetryable: false },
  BAD_REQUEST: { owner: "client", httpStatus: 400, isRetryable: false },
  UNAUTHENTICATED: { owner: "client", httpStatus: 401, isRetryable: false },
  FORBIDDEN: { owner: "client", httpStatus: 403, isRetryable: false },
  NOT_FOUND: { owner: "client", httpStatus: 404, isRetryable: false },
  ALREADY_EXISTS: { owner: "client", httpStatus: 409, isRetryable: false },
  CONFLICT: { owner: "client", httpStatus: 409, isRetryable: false },
  IN_USE: { owner: "client", httpStatus: 409, isRetryable: false },
  LENGTH_REQUIRED: { owner: "client", httpStatus: 411, isRetryable: false },
  REQUEST_TIMEOUT: { owner: "client", httpStatus: 408, isRetryable: false },
  BODY_TOO_LARGE: { owner: "client", httpStatus: 413, isRetryable: false },
  HEADERS_TOO_LARGE: { owner: "client", httpStatus: 431, isRetryable: false },
  RATE_LIMITED: { owner: "client", httpStatus: 429, isRetryable: true },
  ROUTE_NOT_FOUND: { owner: "routing", httpStatus: 404, isRetryable: false },
  METHOD_NOT_ALLOWED: { owner: "routing", httpStatus: 405, isRetryable: false },
  LOAD_FAILED: { owner: "function", httpStatus: 502, isRetryable: false },
  FUNCTION_CRASHED: { owner: "function", httpStatus: 502, isRetryable: false },
  FUNCTION_TIMEOUT: { owner: "function", httpStatus: 504, isRetryable: false },
  QUEUE_FULL: { owner: "capacity", httpStatus: 429, isRetryable: true },
  CLUSTER_UNAVAILABLE: { owner: "platform", httpStatus: 503, isRetryable: true },
  STORE_UNAVAILABLE: { owner: "platform", httpStatus: 503, isRetryable: true },
  INTERNAL: { owner: "platform", httpStatus: 500, isRetryable: false },
} as const satisfies Record<string, ErrorTraits>;

export type ErrorCode = keyof typeof errorCodes;

export const isErrorCode = (text: unknown): text is ErrorCode =>
  typeof text === "string" && Object.hasOwn(errorCodes, text);
