/**
 * Who takes part. Each has one process or thread, keeps its connections to the backends, streams what it can, and writes
 * no log. `start` gets the backends, a folder and a free port.
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { findProgram, freePort, listening, startProcess } from "../processes.mjs";
import { places } from "./backends.mjs";

const httpProxy = fileURLToPath(new URL("http-proxy-server.mjs", import.meta.url));
const [first, ...others] = Object.entries(places);

export const proxies = [
  { name: "nginx", label: "nginx", program: "nginx", args: writeNginx },
  { name: "haproxy", label: "HAProxy", program: "haproxy", args: writeHaproxy },
  { name: "http-proxy", label: "http-proxy", program: process.execPath, args: describeTargets },
];

/** Undefined where its program is not installed. */
export async function startProxy({ program, args }, backends, folder) {
  const found = path.isAbsolute(program) ? program : findProgram(program);
  if (found === undefined) return undefined;
  const port = await freePort();
  const started = startProcess(found, args({ backends, folder, port }));
  await listening(started, port);
  return { pid: () => started.pid, origin: () => `http://127.0.0.1:${port}`, stop: () => started.stop("SIGKILL") };
}

function writeNginx({ backends, folder, port }) {
  const upstream = ([name]) => `upstream ${name} {
    server 127.0.0.1:${backends[name].port};
    keepalive 512;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
  }`;
  const location = ([name, prefix]) => `location ${prefix} { proxy_pass http://${name}; }`;
  const file = path.join(folder, "nginx.conf");
  writeFileSync(
    file,
    `daemon off;
master_process off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr error;
events { worker_connections 8192; }
http {
  access_log off;
  ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join("\n  ")}
  client_max_body_size 64m;
  client_body_buffer_size 128k;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
  ${[first, ...others].map(upstream).join("\n  ")}
  server {
    listen 127.0.0.1:${port} backlog=4096;
    proxy_http_version 1.1;
    proxy_set_header Connection $connection_upgrade;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Fermi-Key ${backends.key};
    proxy_request_buffering off;
    proxy_max_temp_file_size 0;
    proxy_read_timeout 600s;
    ${[first, ...others].map(location).join("\n    ")}
  }
}
`,
  );
  return ["-c", file, "-p", folder, "-e", "stderr"];
}

function writeHaproxy({ backends, folder, port }) {
  const backend = ([name]) => `backend ${name}
  http-reuse always
  server one 127.0.0.1:${backends[name].port} pool-max-conn 512`;
  const file = path.join(folder, "haproxy.cfg");
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 4096
  # Else it keeps no connection to a server once WebSockets have a quarter of its descriptors.
  tune.pool-low-fd-ratio 90
  tune.pool-high-fd-ratio 100
defaults
  mode http
  option forwardfor
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout tunnel 600s
frontend all
  bind 127.0.0.1:${port} backlog 4096
  http-request set-header X-Fermi-Key ${backends.key}
  ${others.map(([name, prefix]) => `use_backend ${name} if { path_beg ${prefix} }`).join("\n  ")}
  default_backend ${first[0]}
${[first, ...others].map(backend).join("\n")}
`,
  );
  return ["-db", "-f", file];
}

function describeTargets({ backends, port }) {
  const target = ([name, prefix]) => ({ prefix, target: `http://127.0.0.1:${backends[name].port}` });
  const targets = [...others.map(target), target(first)];
  return [httpProxy, JSON.stringify({ port, key: backends.key, targets })];
}
