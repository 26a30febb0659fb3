/** Where the editor finds its workers: beside this bundle, never elsewhere. */
const workerFiles: Readonly<Record<string, string>> = { json: WORKERS.json, graphql: WORKERS.graphql };

Object.assign(globalThis, {
  MonacoEnvironment: {
    globalAPI: false,
    getWorker: (_module: string, label: string): Worker =>
      new Worker(new URL(workerFiles[label] ?? WORKERS.editor, import.meta.url), { name: label }),
  },
});
