/** What the Kubernetes API answered, or why it did not. */
export class KubeError extends Error {
  constructor(
    /** The HTTP status; 0 where there was no answer. */
    readonly status: number,
    /** The API's own word for it, such as NotFound, AlreadyExists or Expired; empty where it gave none. */
    readonly reason: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "KubeError";
  }

  get isAway(): boolean {
    return this.status === 0;
  }

  /** Whether the same call may well succeed a moment later. */
  get isPassing(): boolean {
    return this.isAway || this.status === 429 || this.status >= 500;
  }
}

export const hasStatus = (error: unknown, ...statuses: number[]): boolean =>
  error instanceof KubeError && statuses.includes(error.status);

/** The API answers with a Status object; a proxy in front of it with anything. */
export function refusalOf(status: number, body: string): KubeError {
  try {
    const { message, reason } = JSON.parse(body) as { message?: unknown; reason?: unknown };
    const said = typeof message === "string" && message !== "" ? message : `answered ${status}`;
    return new KubeError(status, typeof reason === "string" ? reason : "", said);
  } catch {
    return new KubeError(status, "", `answered ${status}`);
  }
}

/** One clause for people, without a full stop. */
export const inWords = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
