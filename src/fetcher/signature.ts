/**
 * Who may tell a fetcher what to load. The pool manager signs each request with a key that it derives from the
 * installation's secret; a fetcher knows the public half alone, so that nothing in a pod is worth stealing, and takes
 * only what was signed for its own instance. A request that is sent again finds the instance specialized already.
 */
import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  hash,
  sign,
  verify,
  type JsonWebKey,
  type KeyObject,
} from "node:crypto";

/** The header that carries the signature. */
export const signatureHeader = "x-fermi-signature";

/** What stands before an Ed25519 seed in PKCS #8. */
const seedPrefix = Buffer.from("302e020100300506032b657004220420", "hex");

export class FetcherSigner {
  readonly #key: KeyObject;
  /** Base64url; what a fetcher is given. */
  readonly publicKey: string;

  /** `secret` is the installation's. */
  constructor(secret: string) {
    const seed = createHmac("sha256", secret).update("fermi fetcher, signing key, 1").digest();
    this.#key = createPrivateKey({ key: Buffer.concat([seedPrefix, seed]), format: "der", type: "pkcs8" });
    this.publicKey = createPublicKey(this.#key).export({ format: "jwk" }).x ?? "";
  }

  /** The header's value for this body, sent to this instance. */
  sign(instance: string, body: string): string {
    return sign(null, message(instance, Buffer.from(body)), this.#key).toString("base64url");
  }
}

export class FetcherVerifier {
  readonly #key: KeyObject;

  /** Throws where the key is none. */
  constructor(
    publicKey: string,
    private readonly instance: string,
  ) {
    const jwk: JsonWebKey = { kty: "OKP", crv: "Ed25519", x: publicKey };
    this.#key = createPublicKey({ key: jwk, format: "jwk" });
  }

  isSigned(body: Buffer, signature: string): boolean {
    return verify(null, message(this.instance, body), this.#key, Buffer.from(signature, "base64url"));
  }
}

const message = (instance: string, body: Buffer): Buffer =>
  Buffer.from(`fermi fetcher 1\n${instance}\n${hash("sha256", body, "hex")}`);
