import { randomBytes } from "node:crypto";

/** A secret of 32 random bytes, safe in a header. */
export const newKey = (): string => randomBytes(32).toString("base64url");
