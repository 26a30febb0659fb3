/**
 * What a function proves itself with when it publishes to topics of its namespace (environments/CONTRACT.md): signed with
 * the installation's secret, good for that and nothing else, and for an hour and a half at most. It is renewed early
 * enough for the longest request that there may be.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { LRUCache } from "lru-cache";
import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";

/** Whom a token was given to. */
export interface TokenHolder {
  readonly functionId: string;
  readonly namespace: string;
}

export const tokenLifetimeMs = 90 * 60_000;
/** What is left of a token that is handed out lasts for longer than any request may (3600 s). */
export const tokenRenewedAfterMs = 25 * 60_000;
const maxRemembered = 10_000;
/** What the token is for. A token for anything else would name another, and be signed with it. */
const purpose = "publish";

export interface IssuedToken {
  readonly token: string;
  /** On the wall clock: from then on a new one is issued. */
  readonly renewAtMs: number;
}

export class FunctionTokens {
  readonly #issued = new LRUCache<string, IssuedToken>({ max: maxRemembered });

  constructor(
    private readonly secret: string,
    private readonly clock: Clock,
  ) {}

  /** The function's token of the moment: the same for a while, then a new one. */
  issue({ functionId, namespace }: TokenHolder): IssuedToken {
    const nowMs = this.clock.now().getTime();
    const name = `${namespace} ${functionId}`;
    const known = this.#issued.get(name);
    if (known !== undefined && !this.isDue(known)) return known;
    const claims = [functionId, namespace, nowMs + tokenLifetimeMs];
    const content = Buffer.from(JSON.stringify(claims)).toString("base64url");
    const token = `${content}.${this.#sign(content).toString("base64url")}`;
    const issued = { token, renewAtMs: nowMs + tokenRenewedAfterMs };
    this.#issued.set(name, issued);
    return issued;
  }

  /** A new one would be issued in its place. */
  isDue({ renewAtMs }: IssuedToken): boolean {
    return this.clock.now().getTime() >= renewAtMs;
  }

  /** Whose token an Authorization header brings. Throws UNAUTHENTICATED, and says why, where it brings none that is good. */
  verify(authorization: string | undefined): TokenHolder {
    const token = /^bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) throw refused("Send the function's token: Authorization: Bearer $FERMI_TOKEN.");
    const [, content, signature] = /^([\w-]{1,1024})\.([\w-]{43})$/.exec(token) ?? [];
    if (content === undefined || signature === undefined) throw refused("This is no token of a function.");
    if (!timingSafeEqual(Buffer.from(signature, "base64url"), this.#sign(content))) {
      throw refused("The token was not made by this installation.");
    }
    const claims = JSON.parse(Buffer.from(content, "base64url").toString("utf8")) as [string, string, number];
    const [functionId, namespace, expiresAtMs] = claims;
    if (this.clock.now().getTime() >= expiresAtMs) {
      throw refused("The token has expired. Read FERMI_TOKEN anew for each request: Fermi renews it.");
    }
    return { functionId, namespace };
  }

  #sign(content: string): Buffer {
    return createHmac("sha256", this.secret)
      .update(JSON.stringify(["function", purpose, content]))
      .digest();
  }
}

const refused = (message: string): AppError => new AppError("UNAUTHENTICATED", message);
