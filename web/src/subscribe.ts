import type { FetcherParams } from "@graphiql/toolkit";
import { createClient, type ExecutionResult } from "graphql-ws";
import type { Headers } from "./credentials.js";
import { EventList, type EventView } from "./event-list.js";

/** The half of an Observable that GraphiQL uses. */
export interface LiveAnswer {
  subscribe(observer: { next(view: EventView): void; complete(): void }): { unsubscribe(): void };
}

/**
 * A subscription over a socket of its own, closed with it. Headers become the socket's connection parameters.
 * A lost connection ends it visibly: opening it anew by itself would hide a gap.
 */
export function subscribe(url: string, params: FetcherParams, headers: Headers): LiveAnswer {
  return {
    subscribe: (observer) => {
      const events = new EventList({ show: (view) => observer.next(view), later });
      const client = createClient({ url, connectionParams: { ...headers }, retryAttempts: 0 });
      client.on("connected", () => events.listening());
      const cancel = client.subscribe(
        {
          query: params.query,
          variables: params.variables as Record<string, unknown>,
          operationName: params.operationName,
        },
        {
          next: (result: ExecutionResult) => events.add(result.errors === undefined ? result.data : result),
          error: (error) => finish(reasonOf(error)),
          complete: () => finish("the server has no more"),
        },
      );
      const finish = (reason: string): void => {
        events.end(reason);
        observer.complete();
        void client.dispose();
      };
      return {
        unsubscribe: () => {
          events.stop();
          cancel();
          void client.dispose();
        },
      };
    },
  };
}

const later = (work: () => void, ms: number): (() => void) => {
  const timer = setTimeout(work, ms);
  return () => clearTimeout(timer);
};

/** graphql-ws hands over GraphQL's errors, the socket's close event, or an Error. */
export function reasonOf(error: unknown): string {
  if (Array.isArray(error)) return (error as { message: string }[]).map(({ message }) => message).join("; ");
  if (error instanceof CloseEvent) return `connection closed (${error.code}${error.reason && `: ${error.reason}`})`;
  return error instanceof Error ? error.message : "connection lost";
}
