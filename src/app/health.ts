/** What probes and Prometheus ask a process, as handlers of Node's own requests. */
import type { RequestListener, ServerResponse } from "node:http";
import { Authenticator } from "../auth/authenticate.js";
import { HostGuard } from "../auth/host-guard.js";
import type { Config } from "../config/settings.js";
import { AppError } from "../errors/app-error.js";
import type { Metrics } from "./metrics.js";

/** What renders the page for Prometheus. */
export type MetricsPages = Pick<Metrics, "render">;

/** The process works, whatever it waits for. */
export const answerHealthy: RequestListener = (_req, res) => answer(res, 200, "ok\n");

/** `unready` says why no traffic should come here, in words; undefined where it should. */
export const answerReady =
  (unready: () => Promise<string | undefined> | string | undefined): RequestListener =>
  (_req, res) => {
    void Promise.resolve(unready()).then((why) =>
      why === undefined ? answer(res, 200, "ready\n") : answer(res, 503, `not ready: ${why}\n`),
    );
  };

export const answerMetrics =
  (metrics: MetricsPages): RequestListener =>
  (_req, res) => {
    void metrics.render().then(
      ({ contentType, body }) => answer(res, 200, body, contentType),
      () => answer(res, 503, "The metrics of all processes could not be had in time.\n"),
    );
  };

/** Lets those through who may do everything, as the API does: metrics name functions. */
export function guarded(
  { adminToken, host }: Pick<Config, "adminToken" | "host">,
  handler: RequestListener,
): RequestListener {
  const authenticator = new Authenticator(adminToken);
  const guard = new HostGuard({ configuredHost: host, demandsToken: authenticator.demandsToken });
  return (req, res) => {
    try {
      guard.checkHost(req.headers.host);
      const { authorization } = req.headers;
      authenticator.authenticate({ authorization, remoteAddress: req.socket.remoteAddress });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (error.code === "UNAUTHENTICATED") res.setHeader("WWW-Authenticate", "Bearer");
      return answer(res, error.httpStatus, `${error.message}\n`);
    }
    handler(req, res);
  };
}

function answer(res: ServerResponse, status: number, text: string, contentType = "text/plain; charset=utf-8"): void {
  res.writeHead(status, { "Content-Type": contentType, "Content-Length": Buffer.byteLength(text) }).end(text);
}
