import type { FetcherParams } from "@graphiql/toolkit";
import { createClient, type ExecutionResult, type Sink, type SubscribePayload } from "graphql-ws";
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
      const end = (reason: string): void => {
        events.end(reason);
        observer.complete();
        void client.dispose();
      };
      client.on("connected", () => events.listening());
      client.subscribe(payloadOf(params), sink(events, end));
      return { unsubscribe: () => end("you stopped it, or left its tab") };
    },
  };
}

const payloadOf = ({ query, variables, operationName }: FetcherParams): SubscribePayload => ({
  query,
  variables: variables as Record<string, unknown>,
  operationName,
});

function sink(events: EventList, end: (reason: string) => void): Sink<ExecutionResult> {
  let reason = "the server has no more";
  return {
    next: ({ data, errors }) => {
      if (errors !== undefined) reason = reasonOf(errors);
      events.add(errors === undefined ? data : { data, errors });
    },
    error: (error) => end(reasonOf(error)),
    complete: () => end(reason),
  };
}

const later = (work: () => void, ms: number): (() => void) => {
  const timer = setTimeout(work, ms);
  return () => clearTimeout(timer);
};

/** graphql-ws hands over GraphQL's errors, the socket's close event, or an Error. */
function reasonOf(error: unknown): string {
  if (Array.isArray(error)) return (error as readonly { message: string }[]).map(({ message }) => message).join("; ");
  if (error instanceof CloseEvent) return `connection closed (${error.code}${error.reason && `: ${error.reason}`})`;
  return error instanceof Error ? error.message : "connection lost";
}
