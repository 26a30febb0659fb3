/** One request at a time over one kept connection, timed from the first byte sent to the last one received. */
import http from "node:http";
import { now } from "./server.mjs";

export function connect(url) {
  const { hostname, port } = new URL(url);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const request = (path, { method = "GET", headers = {}, body } = {}) =>
    new Promise((resolve, reject) => {
      const startedAt = now();
      const req = http.request({ hostname, port, agent, path, method, headers }, (res) => {
        let text = "";
        res.setEncoding("utf8");
        res.on("data", (chunk) => (text += chunk));
        res.on("end", () => resolve({ ms: now() - startedAt, status: res.statusCode, headers: res.headers, text }));
        res.on("error", reject);
      });
      req.setNoDelay(true);
      req.on("error", reject);
      req.end(body);
    });
  return { request, close: () => agent.destroy() };
}

/** `request`, refusing every answer but 200. */
export async function ok(connection, path, options) {
  const answer = await connection.request(path, options);
  if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}: ${answer.text}`);
  return answer;
}
