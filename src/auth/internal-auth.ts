/**
 * How Fermi's roles know each other over a network: whoever asks signs with the secret that all of an installation share,
 * and nobody else can. A signature is good for one request to one process, within a minute: its replicas do not know that
 * it was used. It does not name whom it is for, because behind a Service neither side knows the other's name for it;
 * and whoever can overhear one overhears the keys of instances, too, which is for the network's encryption to prevent.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import { NonceCache } from "./nonce-cache.js";

/** What a signature is for. */
export interface SignedRequest {
  readonly method: string;
  /** As in the request line, with its query. */
  readonly path: string;
  /** What else must not be changed on the way; both sides have to name the same. */
  readonly content?: string;
}

/** In lower case, as Node gives the names of headers. */
export const internalAuthHeader = "x-fermi-internal-auth";

/** How far the clocks of two machines may differ. */
const windowMs = 60_000;
const maxNonces = 200_000;

export class InternalAuth {
  readonly #nonces = new NonceCache(windowMs, maxNonces);

  constructor(
    private readonly secret: string,
    private readonly clock: Clock,
  ) {}

  /** The header that proves a request to another role; for this one request. */
  sign(request: SignedRequest): Record<string, string> {
    const [at, nonce] = [String(this.#nowMs), randomBytes(16).toString("base64url")];
    return { [internalAuthHeader]: `${at}.${nonce}.${this.#digest(request, at, nonce).toString("base64url")}` };
  }

  /** Throws UNAUTHENTICATED, and says why, unless `header` was made for this request by one who has the secret, and is new. */
  verify(header: string | string[] | undefined, request: SignedRequest): void {
    if (header === undefined) throw refused(`it lacks the header ${internalAuthHeader}`);
    const [, at, nonce, signature] = /^(\d{1,16})\.([\w-]{22})\.([\w-]{43})$/.exec(String(header)) ?? [];
    if (at === undefined || nonce === undefined || signature === undefined) {
      throw refused(`its ${internalAuthHeader} can't be read`);
    }
    const isSigned = timingSafeEqual(Buffer.from(signature, "base64url"), this.#digest(request, at, nonce));
    if (!isSigned) throw refused("it is not signed with the secret (FERMI_INTERNAL_SECRET) of this installation");
    // Only what was signed gets so far, so a stranger can't fill the cache.
    const offMs = Number(at) - this.#nowMs;
    if (Math.abs(offMs) > windowMs) throw refused(clocksDiffer(offMs));
    if (!this.#nonces.isNew(nonce, Number(at), this.#nowMs)) throw refused("it was made before");
  }

  #digest({ method, path, content = "" }: SignedRequest, at: string, nonce: string): Buffer {
    const signed = JSON.stringify(["request", method, path, at, nonce, content]);
    return createHmac("sha256", this.secret).update(signed).digest();
  }

  get #nowMs(): number {
    return this.clock.now().getTime();
  }
}

const refused = (why: string): AppError => new AppError("UNAUTHENTICATED", `The request is refused: ${why}.`);

const clocksDiffer = (offMs: number): string =>
  `it was signed ${Math.round(Math.abs(offMs) / 1_000)} s ${offMs < 0 ? "ago" : "in the future"} by this machine's clock; ` +
  `the clocks of all machines must agree to within ${windowMs / 1_000} s`;
