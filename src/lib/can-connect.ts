import net from "node:net";

/** Whether somebody takes a new connection there, within the time. Never rejects. */
export function canConnect(to: { host: string; port: number }, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(to);
    const end = (result: boolean): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(withinMs, () => end(false));
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
