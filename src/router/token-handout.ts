import type { FunctionTokens } from "../auth/function-token.js";
import type { GrantedInstance } from "../poolmgr/router-link.js";
import type { RoutedFunction } from "./route-source.js";

/**
 * Sees to it that running instances have a token that is good: one that is new goes along with the next request to each
 * instance, once. Where that request does not arrive the token before still lasts until the one after.
 */
export class TokenHandout {
  readonly #told = new WeakMap<GrantedInstance, string>();

  /** Without tokens nothing is handed out. */
  constructor(private readonly tokens: Pick<FunctionTokens, "issue"> | undefined) {}

  /** Headers for a request to this instance: name and value, or none. Images of other contracts show user code every header. */
  headersFor({ id, namespace }: RoutedFunction, instance: GrantedInstance): readonly string[] {
    if (this.tokens === undefined || instance.contract !== "FERMI") return [];
    const token = this.tokens.issue({ functionId: id, namespace });
    if (this.#told.get(instance) === token) return [];
    this.#told.set(instance, token);
    return ["X-Fermi-Token", token];
  }
}
