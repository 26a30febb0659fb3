import express, { type Request, type Response, type Router } from "express";
import path from "node:path";

/** Fits in a Content-Security-Policy as it stands; a Host header is whatever the caller sends. */
const plainHost = /^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d+)?$/;

/**
 * Serves the built playground: the page at `/`, its files under `/assets/`, and nothing else of that folder. Whoever
 * asks for `/` without wanting HTML is told where the API is. The folder is looked at with each request, so a playground
 * that is built while the server runs is there at once.
 */
export function playground(distFolder: string): Router {
  const router = express.Router();
  router.get("/", (req, res) => servePage(distFolder, req, res));
  router.get("/assets/*file", (req, res) => serveAsset(path.join(distFolder, "assets"), req, res));
  return router;
}

function servePage(distFolder: string, req: Request, res: Response): void {
  res.vary("Accept").set(commonHeaders);
  const wanted = req.accepts(["json", "html", "text"]);
  if (wanted !== "html") {
    pointToApi(wanted === "text", res);
    return;
  }
  res.set({
    "Content-Security-Policy": contentSecurityPolicy(req.headers.host),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
  });
  res.sendFile("index.html", { root: distFolder, headers: { "Cache-Control": "no-cache" } }, (error?: Error) => {
    if (error !== undefined && !res.headersSent) res.status(503).type("html").send(notBuiltPage);
  });
}

function pointToApi(asText: boolean, res: Response): void {
  const message = "This is Fermi. Its GraphQL API is at /graphql; in a browser this page is the playground.";
  if (asText) res.type("text").send(`${message}\n`);
  else res.json({ name: "fermi", graphql: "/graphql", message });
}

const commonHeaders = { "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin" };

/**
 * Everything from this origin only. The editor sets styles from script, hence the one 'unsafe-inline'. Sockets are named
 * because older browsers don't count ws: as 'self'.
 */
export function contentSecurityPolicy(host: string | undefined): string {
  const sockets = host !== undefined && plainHost.test(host) ? ` ws://${host} wss://${host}` : "";
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "worker-src 'self'",
    `connect-src 'self'${sockets}`,
    "img-src 'self' data:",
    "font-src 'self' data:",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "form-action 'none'",
  ].join("; ");
}

/** Names carry a hash of the content, so that a browser may keep the files for ever. */
const assetOptions = { immutable: true, maxAge: "365d", dotfiles: "ignore" } as const;

function serveAsset(root: string, req: Request, res: Response): void {
  res.vary("Accept-Encoding").set(commonHeaders);
  const name = assetName(req.path);
  if (name === undefined) notFound(res);
  else if (req.acceptsEncodings("gzip")) sendCompressed(root, name, res);
  else sendPlain(root, name, res);
}

/** A plain file name, no path: undefined for anything that could lead elsewhere. */
const assetName = (requestPath: string): string | undefined =>
  /^\/assets\/([A-Za-z0-9][A-Za-z0-9._-]*)$/.exec(requestPath)?.[1];

/** The `.gz` that the build puts beside a file is a third of its size; a file without one is sent plain. */
function sendCompressed(root: string, name: string, res: Response): void {
  res.type(path.extname(name));
  res.sendFile(`${name}.gz`, { ...assetOptions, root, headers: { "Content-Encoding": "gzip" } }, (error?: Error) => {
    if (error !== undefined && !res.headersSent) sendPlain(root, name, res);
  });
}

function sendPlain(root: string, name: string, res: Response): void {
  res.sendFile(name, { ...assetOptions, root }, (error?: Error) => {
    if (error !== undefined && !res.headersSent) notFound(res);
  });
}

const notFound = (res: Response): unknown => res.status(404).type("text").send("No such file.\n");

const notBuiltPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Fermi</title>
<h1>The playground is not built</h1>
<p>Start with <code>npm start</code>, which builds it, or build it alone: <code>npm --prefix web ci</code>, then
<code>npm --prefix web run build</code>.</p>
<p>The API does not need it: <a href="/graphql">/graphql</a>.</p>
</html>
`;
