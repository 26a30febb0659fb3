import { AppError } from "../errors/app-error.js";
import { malformed } from "./request-head.js";

/** What the client is told where Node's parser gives up on what it sends. */
export function parserError(code: string | undefined): AppError {
  if (code === "HPE_HEADER_OVERFLOW") return new AppError("HEADERS_TOO_LARGE", "The request's headers are too large.");
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return new AppError("REQUEST_TIMEOUT", "The request's headers came too slowly.");
  }
  // A space ends the URL, and what comes then is no version.
  if (code === "HPE_INVALID_URL" || code === "HPE_INVALID_CONSTANT") {
    return malformed(
      "The request line is no valid HTTP: spaces and non-ASCII characters in its URL must be percent-encoded.",
    );
  }
  return malformed("The request is no valid HTTP.");
}
