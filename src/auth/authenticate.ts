import { hash, timingSafeEqual } from "node:crypto";
import { AppError } from "../errors/app-error.js";
import type { Principal } from "../model/request-context.js";

/** What is known of a caller before anything it asks for is looked at. */
export interface Caller {
  /** The value of its Authorization header, or what stands for it in a WebSocket's connection parameters. */
  readonly authorization: string | undefined;
  readonly remoteAddress: string | undefined;
}

const local: Principal = { subject: "local", roles: ["admin"], namespaces: ["*"] };
const admin: Principal = { subject: "admin", roles: ["admin"], namespaces: ["*"] };

/**
 * Says who calls, or throws UNAUTHENTICATED. With a token configured, whoever brings it is the administrator and nobody
 * else is anybody; without one, everybody on this machine is.
 */
export class Authenticator {
  readonly #tokenDigest: Buffer | null;

  constructor(adminToken: string | null) {
    this.#tokenDigest = adminToken === null ? null : digest(adminToken);
  }

  get demandsToken(): boolean {
    return this.#tokenDigest !== null;
  }

  authenticate({ authorization, remoteAddress }: Caller): Principal {
    if (this.#tokenDigest === null) return onThisMachine(remoteAddress);
    const token = /^bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) {
      throw new AppError("UNAUTHENTICATED", "Send the administrator's token: Authorization: Bearer <token>.");
    }
    if (!timingSafeEqual(digest(token), this.#tokenDigest)) {
      throw new AppError("UNAUTHENTICATED", "The token is not the one that this server was given.");
    }
    return admin;
  }
}

/** Digests have one length, so comparing them tells nothing of the token's. */
const digest = (text: string): Buffer => hash("sha256", text, "buffer");

function onThisMachine(remoteAddress: string | undefined): Principal {
  if (remoteAddress !== undefined && isLoopbackAddress(remoteAddress)) return local;
  throw new AppError("UNAUTHENTICATED", "Without FERMI_ADMIN_TOKEN this server answers its own machine only.");
}

const isLoopbackAddress = (address: string): boolean => address === "::1" || /^(::ffff:)?127\./.test(address);
