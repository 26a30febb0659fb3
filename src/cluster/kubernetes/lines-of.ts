import type { IncomingMessage } from "node:http";

const maxLineBytes = 16 * 1024 * 1024;

/** The lines of an answer as they come. */
export async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let rest = "";
  response.setEncoding("utf8");
  for await (const chunk of response as AsyncIterable<string>) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > maxLineBytes) throw new Error("a line of the watch has no end");
    yield* lines.filter((line) => line !== "");
  }
}
