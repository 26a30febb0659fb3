/** What probes and Prometheus ask a process. */
import type { RequestHandler } from "express";
import type { Metrics } from "./metrics.js";

export const answerHealthy: RequestHandler = (_req, res) => void res.type("text").send("ok\n");

export const answerReady =
  (isReady: () => Promise<boolean>): RequestHandler =>
  async (_req, res) => {
    const ready = await isReady();
    res
      .status(ready ? 200 : 503)
      .type("text")
      .send(ready ? "ready\n" : "not ready\n");
  };

export const scrape =
  (metrics: Metrics): RequestHandler =>
  async (_req, res) => {
    const { contentType, body } = await metrics.render();
    res.set("Content-Type", contentType).send(body);
  };
