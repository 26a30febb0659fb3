export type Headers = Readonly<Record<string, string>>;

/**
 * The `authorization` header that was last written into a tab's header editor. It holds for every tab of this page,
 * so that a token is written once; it lives in memory only and an empty value forgets it.
 */
export class Credentials {
  #authorization: string | undefined;
  readonly #listeners = new Set<() => void>();

  /** The headers to send, with lower-case names. */
  apply(written: Headers | undefined): Headers {
    const headers = Object.fromEntries(
      Object.entries(written ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
    );
    const { authorization, ...others } = headers;
    if (authorization !== undefined) this.#remember(authorization === "" ? undefined : authorization);
    return this.#authorization === undefined ? others : { ...others, authorization: this.#authorization };
  }

  /** Tells when another credential holds; what was refused before may be allowed now. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #remember(authorization: string | undefined): void {
    if (authorization === this.#authorization) return;
    this.#authorization = authorization;
    for (const listener of this.#listeners) listener();
  }
}
