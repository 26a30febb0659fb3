import { AppError } from "../errors/app-error.js";

/**
 * Keeps other people's web pages from a server that asks nobody for a token: a name that was made to point here
 * (DNS rebinding) is refused, for the browser sends the page's own host name along.
 */
export class HostGuard {
  readonly #configuredHost: string;
  readonly #demandsToken: boolean;

  constructor(options: { readonly configuredHost: string; readonly demandsToken: boolean }) {
    this.#configuredHost = options.configuredHost.toLowerCase();
    this.#demandsToken = options.demandsToken;
  }

  /** Throws FORBIDDEN unless the Host header names this machine or the configured host. */
  checkHost(host: string | undefined): void {
    if (this.#demandsToken) return;
    const name = hostName(host);
    if (name !== undefined && (isLoopbackName(name) || name === this.#configuredHost)) return;
    throw new AppError(
      "FORBIDDEN",
      "Without FERMI_ADMIN_TOKEN this server answers requests to localhost or its configured host only.",
    );
  }

  /**
   * Throws FORBIDDEN where a browser says that the page is of another origin. Other programs send no Origin. With a token
   * all may try: no browser sends it along by itself, and behind a proxy that rewrites Host one's own pages differ too.
   */
  checkOrigin(origin: string | undefined, host: string | undefined): void {
    if (this.#demandsToken || origin === undefined) return;
    const url = URL.parse(origin);
    if (url !== null && host !== undefined && url.host === URL.parse(`${url.protocol}//${host}`)?.host) return;
    throw new AppError("FORBIDDEN", "WebSockets are open to pages of this server only: Origin must match Host.");
  }
}

/** The name without its port, and without the brackets of an IPv6 address. */
function hostName(host: string | undefined): string | undefined {
  if (host === undefined || /[/?#@\\\s]/.test(host)) return undefined;
  return URL.parse(`http://${host}`)?.hostname.replace(/^\[|\]$/g, "");
}

const isLoopbackName = (name: string): boolean =>
  name === "localhost" || name.endsWith(".localhost") || name === "::1" || /^127\.\d+\.\d+\.\d+$/.test(name);
