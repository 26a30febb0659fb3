import type { FunctionTokens, IssuedToken } from "../auth/function-token.js";
import type { GrantedInstance } from "../poolmgr/router-link.js";
import { HeaderLines } from "./header-lines.js";
import type { RoutedFunction } from "./route-source.js";

/**
 * Sees to it that running instances have a token that is good: one that is new goes along with the next request to each
 * instance, once. Where that request does not arrive the token before still lasts until the one after.
 */
export class TokenHandout {
  readonly #told = new WeakMap<GrantedInstance, IssuedToken>();

  /** Without tokens nothing is handed out. */
  constructor(private readonly tokens: Pick<FunctionTokens, "issue" | "isDue"> | undefined) {}

  /** Goes along with a request to this instance; mostly nothing. Images of other contracts show user code every header. */
  headersFor({ id, namespace }: RoutedFunction, instance: GrantedInstance): HeaderLines | undefined {
    if (this.tokens === undefined || instance.contract !== "FERMI") return undefined;
    const told = this.#told.get(instance);
    if (told !== undefined && !this.tokens.isDue(told)) return undefined;
    const issued = this.tokens.issue({ functionId: id, namespace });
    this.#told.set(instance, issued);
    return told?.token === issued.token ? undefined : new HeaderLines(["X-Fermi-Token", issued.token]);
  }
}
