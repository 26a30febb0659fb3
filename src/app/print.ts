/** For a person who may have left: what can't be written ends no server. A pipe fails later, by an event, a file at once. */
export function print(stream: NodeJS.WriteStream, text: string): void {
  if (stream.listenerCount("error") === 0) stream.on("error", () => {});
  try {
    stream.write(text);
  } catch {
    // Nobody can be told that nobody can be told.
  }
}
