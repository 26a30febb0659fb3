/** A bare server of http-proxy, as its own documentation has it, with connections that are kept. */
import http from "node:http";
import httpProxy from "http-proxy";

const { port, key, targets } = JSON.parse(process.argv[2]);
const agent = new http.Agent({ keepAlive: true });
const proxy = httpProxy.createProxyServer({ agent, headers: { "x-fermi-key": key } });
const targetOf = ({ url }) => (targets.find(({ prefix }) => url.startsWith(prefix)) ?? targets[0]).target;

proxy.on("error", (error, _, res) => res.writeHead?.(502).end(error.message));
http
  .createServer({ keepAliveTimeout: 0 }, (req, res) => proxy.web(req, res, { target: targetOf(req) }))
  .on("upgrade", (req, socket, head) => proxy.ws(req, socket, head, { target: targetOf(req), agent: false }))
  .listen(port, "127.0.0.1");
