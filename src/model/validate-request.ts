/** What a request must be that a caller describes instead of sending it. */
import type { Demand } from "./fault.js";

export const httpMethods: readonly string[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

export const requestLimits = {
  headers: 100,
  headerNameCharacters: 128,
  headerValueCharacters: 8_192,
  pathCharacters: 8_192,
  mediaTypeCharacters: 256,
} as const;

const { headerNameCharacters, headerValueCharacters, pathCharacters, mediaTypeCharacters } = requestLimits;

const matching = (form: RegExp, maxCharacters: number, must: string): Demand<string> => ({
  must,
  holds: (value) => value.length <= maxCharacters && form.test(value),
});

export const httpMethod: Demand<string> = {
  must: `must be one of ${httpMethods.join(", ")}`,
  holds: (value) => httpMethods.includes(value),
};

export const headerName = matching(
  /^[!#$%&'*+.^_`|~\w-]+$/,
  headerNameCharacters,
  `must be a header name such as Content-Type, at most ${headerNameCharacters} characters`,
);

export const headerValue = matching(
  /^[\t\x20-\x7e\x80-\xff]*$/,
  headerValueCharacters,
  `must be at most ${headerValueCharacters} characters of Latin-1 without line breaks`,
);

export const mediaType = matching(
  /^[!#$%&'*+.^_`|~\w-]+\/[!#$%&'*+.^_`|~\w-]+([ \t]*;[ \t]*[!#$%&'*+.^_`|~\w-]+=([!#$%&'*+.^_`|~\w-]+|"([\t !\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e])*"))*$/,
  mediaTypeCharacters,
  `must be a media type such as text/plain; charset=utf-8, at most ${mediaTypeCharacters} characters`,
);

export const requestPath = matching(
  /^\/[\x21\x22\x24-\x7e]*$/,
  pathCharacters,
  `must begin with '/' and be at most ${pathCharacters} URL characters, percent-encoded where need be`,
);
