import { DOC_EXPLORER_PLUGIN } from "@graphiql/plugin-doc-explorer";
import { explorerPlugin } from "@graphiql/plugin-explorer";
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import type { Fetcher, FetcherReturnType } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { useEffect, type JSX } from "react";
import { Credentials } from "./credentials.js";
import { chosenOperation } from "./operation.js";
import { send } from "./send.js";
import { MemoryArea, PlaygroundStorage, type Area } from "./storage.js";
import { subscribe } from "./subscribe.js";
import { tour } from "./tour.js";
import { tourPlugin } from "./tour-panel.js";

const endpoint = new URL("graphql", location.href);
const socket = new URL(endpoint);
socket.protocol = endpoint.protocol.replace("http", "ws");

const credentials = new Credentials();
const storage = new PlaygroundStorage(
  area(() => localStorage),
  area(() => sessionStorage),
);
const explorer = { ...explorerPlugin({ showAttribution: false }), title: "Explorer" };
const plugins = [tourPlugin, explorer, HISTORY_PLUGIN];
const defaultTabs = tour.map(({ operation }) => ({ query: operation }));

export function Playground(): JSX.Element {
  return (
    <GraphiQL
      fetcher={fetcher}
      storage={storage}
      plugins={plugins}
      referencePlugin={DOC_EXPLORER_PLUGIN}
      defaultTabs={defaultTabs}
      isHeadersEditorEnabled
      shouldPersistHeaders={false}
      defaultEditorToolsVisibility={false}
    >
      <GraphiQL.Logo>
        <span className="fermi-logo">Fermi</span>
      </GraphiQL.Logo>
      <EditorOptions />
      <SchemaOfCredential />
    </GraphiQL>
  );
}

const fetcher: Fetcher = (params, options) => {
  const headers = credentials.apply(options?.headers as Record<string, string> | undefined);
  const { name, isSubscription } = chosenOperation(params.query, params.operationName);
  const operation = { ...params, operationName: name };
  const answer = isSubscription ? subscribe(socket.href, operation, headers) : send(endpoint.href, operation, headers);
  // GraphiQL shows whatever it is given; its types know a single result's shape only.
  return answer as FetcherReturnType;
};

/** Reads the schema again once a token has been given: without one it may have been refused. */
function SchemaOfCredential(): null {
  const { introspect } = useGraphiQLActions();
  useEffect(() => credentials.onChange(() => void introspect()), [introspect]);
  return null;
}

/** Long lines wrap: on a laptop's screen the walk-through is then read without scrolling sideways. */
function EditorOptions(): null {
  const query = useGraphiQL((state) => state.queryEditor);
  const response = useGraphiQL((state) => state.responseEditor);
  useEffect(() => {
    for (const editor of [query, response]) editor?.updateOptions({ fontSize: 13, wordWrap: "on" });
  }, [query, response]);
  return null;
}

/** A browser may refuse storage altogether; the playground works without. */
function area(open: () => Storage): Area {
  try {
    return open();
  } catch {
    return new MemoryArea();
  }
}
