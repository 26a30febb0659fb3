/** Who calls. */
export interface Principal {
  readonly subject: string;
  readonly roles: readonly string[];
  /** Namespaces the principal may see; `["*"]` is all. */
  readonly namespaces: readonly string[];
}

/** Built once at the edge, immutable, first argument of every service method. */
export interface RequestContext {
  readonly principal: Principal;
  readonly requestId: string;
  /** Aborts when the caller has left. */
  readonly signal: AbortSignal;
}
