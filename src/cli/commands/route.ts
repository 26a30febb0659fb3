import { Option, type Command } from "commander";
import { usageError } from "../cli-error.js";
import { action, nameOf, printDone, printList, printOne, printUpdated, type Context } from "../context.js";
import { findTrigger } from "../find-trigger.js";
import { routeFlags } from "../flags.js";
import {
  createRoute,
  deleteRoute,
  enableRoute,
  getRoute,
  listRoutes,
  updateRoute,
  type CorsPolicy,
  type RouteNode,
} from "../operations/route.operations.js";
import { isEmpty, listOptions, named, refuseContradictions, several, wholeNumber } from "../options.js";
import { collect } from "../paging.js";
import { formatAge, type Column } from "../print.js";
import type { Shell } from "../shell.js";

interface RouteOptions {
  readonly name?: string;
  readonly method?: string[];
  readonly url?: string;
  readonly function?: string;
  /** False for `--no-host`, and likewise below. */
  readonly host?: string | false;
  readonly cors?: false;
  readonly corsOrigin?: string[];
  readonly corsMethod?: string[] | false;
  readonly corsHeader?: string[] | false;
  readonly corsExpose?: string[] | false;
  readonly corsCredentials?: boolean;
  readonly corsMaxAge?: number;
  readonly mode?: string;
  readonly revision?: number;
}

interface ListOptions {
  readonly allNamespaces?: boolean;
  readonly limit?: number;
  readonly function?: string;
}

const columns = (now: Date): Column<RouteNode>[] => [
  ["NAMESPACE", (row) => row.namespace],
  ["NAME", (row) => row.name],
  ["METHODS", (row) => row.methods.join(",")],
  ["HOST", (row) => row.host ?? "*"],
  ["PATH", (row) => row.path],
  ["FUNCTION", (row) => row.function.name],
  ["MODE", (row) => row.mode],
  ["ENABLED", (row) => (row.enabled ? "yes" : "no")],
  ["AGE", (row) => formatAge(row.createdAt, now)],
];

/** What the flags say of the policy: null where it is to go, undefined where they say nothing. */
function readCors({ cors, ...options }: RouteOptions): Partial<CorsPolicy> | null | undefined {
  const policy = {
    allowOrigins: options.corsOrigin,
    allowMethods: orNone(options.corsMethod),
    allowHeaders: orNone(options.corsHeader),
    exposeHeaders: orNone(options.corsExpose),
    allowCredentials: options.corsCredentials,
    maxAgeSeconds: options.corsMaxAge,
  };
  if (isEmpty(policy)) return cors === false ? null : undefined;
  if (cors === false) throw usageError("--no-cors and another --cors flag can't both be meant");
  return Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== undefined));
}

const orNone = (list: string[] | false | undefined): string[] | undefined => (list === false ? [] : list);

/** The API takes a policy as a whole, so what the flags leave out comes from the one before. */
function wholePolicy(
  current: CorsPolicy | null,
  change: Partial<CorsPolicy> | null | undefined,
): CorsPolicy | null | undefined {
  if (change == null) return change;
  const { allowOrigins, ...rest } = { ...current, ...change };
  if (allowOrigins === undefined) throw usageError("--cors-origin is missing; the other --cors flags need it");
  return { allowOrigins, ...rest };
}

const readInput = ({ options }: Context<RouteOptions>) => ({
  methods: options.method?.map((method) => method.toUpperCase()),
  path: options.url,
  function: options.function,
  host: options.host === false ? null : options.host,
  cors: readCors(options),
  mode: options.mode?.toUpperCase().replaceAll("-", "_"),
});

const missingFunction = { NOT_FOUND: "`fermi function list` shows those there are" };

async function create(context: Context<RouteOptions>): Promise<void> {
  const { api, namespace, options, args } = context;
  const target = options.function;
  if (options.url === undefined) throw usageError("--url is missing, as in --url /hi or --url '/users/{id}'");
  if (target === undefined) throw usageError("--function is missing; `fermi function list` shows those there are");
  const name = args.length > 0 ? nameOf(context) : options.name;
  const advice = {
    NOT_FOUND: `create it with \`fermi function create --name ${target} --env … --code …\``,
    ALREADY_EXISTS: "`fermi route list -A` shows who has it",
  };
  const given = readInput(context);
  const input = { namespace, name, ...given, cors: wholePolicy(null, given.cors) };
  const { createHttpTrigger: made } = await api.request(createRoute, { input }, { advice });
  printDone(context, made, `route ${made.name} created: ${made.methods.join(",")} ${made.url}`);
}

async function update(context: Context<RouteOptions>): Promise<void> {
  const { api, options } = context;
  const change = readInput(context);
  if (isEmpty(change)) throw usageError("nothing to change; `fermi route update --help` lists what can be");
  const before = await findRoute(context);
  const { id, name } = before;
  const cors = wholePolicy(before.cors, change.cors);
  const input = { id, expectedRevision: options.revision ?? (cors ? before.revision : undefined), ...change, cors };
  const { updateHttpTrigger: made } = await api.request(updateRoute, { input }, { advice: missingFunction });
  const words = { what: `route ${name}`, now: `: ${made.methods.join(",")} ${made.url}` };
  printUpdated(context, { before, after: made }, words);
}

const setEnabled =
  (enabled: boolean) =>
  async (context: Context<RouteOptions>): Promise<void> => {
    const { id, name } = await findRoute(context);
    const { setTriggerEnabled: made } = await context.api.request(enableRoute, { id, enabled });
    printDone(context, made, `route ${name} ${enabled ? "enabled" : "disabled"}`);
  };

async function remove(context: Context<RouteOptions>): Promise<void> {
  const { id, name } = await findRoute(context);
  const { deleteTrigger: gone } = await context.api.request(deleteRoute, { id });
  printDone(context, gone, `route ${name} deleted`);
}

async function get(context: Context<RouteOptions>): Promise<void> {
  printOne(context, await findRoute(context), columns(context.now));
}

const findRoute = (context: Context<RouteOptions>): Promise<RouteNode> =>
  findTrigger(context, { word: "route", operations: { get: getRoute, list: listRoutes } });

async function list(context: Context<ListOptions>): Promise<void> {
  const { api, options, now } = context;
  const namespace = options.allNamespaces === true ? null : context.namespace;
  const rows = await collect(options.limit ?? Infinity, async (first, after) => {
    const variables = { namespace, function: options.function ?? null, first, after };
    return (await api.request(listRoutes, variables, { advice: missingFunction })).triggers;
  });
  printList(context, rows, columns(now), `routes${namespace === null ? "" : ` in namespace ${namespace}`}`);
}

function settingOptions(command: Command): Command {
  return named(command)
    .option("--method <method>", "a method that it answers; repeat it for more", several)
    .option("--url <path>", "/hi, '/users/{id}' for a segment that varies, '/files/*' for all below")
    .option("--function <name>", "the function it leads to")
    .option("--host <host>", "for one host name only")
    .addOption(
      new Option("--mode <mode>", "whether callers get the answer, may ask for 202, or always get it").choices([
        "sync",
        "async-allowed",
        "async",
      ]),
    )
    .option("--cors-origin <origin>", "browsers of this origin may call it; repeat it for more", several)
    .option("--cors-method <method>", "methods that they may use", several)
    .option("--cors-header <name>", "headers that they may send", several)
    .option("--cors-expose <name>", "headers that they may read", several)
    .option("--cors-credentials", "cookies go along")
    .option("--cors-max-age <seconds>", "how long a browser remembers this", wholeNumber);
}

export function addRouteCommands(program: Command, shell: Shell): void {
  const group = program.command("route").alias("httptrigger").description("routes: which requests call which function");
  settingOptions(group.command("create"))
    .description("lead requests to a function; the name is made from method and path where not given")
    .action(action(shell, create, routeFlags));
  listOptions(group.command("list"))
    .description("list routes")
    .option("--function <name>", "those that lead to it")
    .action(action(shell, list, routeFlags));
  named(group.command("get"), "its name or id")
    .description("show one route")
    .action(action(shell, get, routeFlags));
  const changes = settingOptions(group.command("update"))
    .description("change a route; what is left out stays")
    .option("--no-host", "for any host again")
    .option("--no-cors", "without CORS again")
    .option("--no-cors-method", "the route's own methods again")
    .option("--no-cors-header", "no headers to send again")
    .option("--no-cors-expose", "no headers to read again")
    .option("--no-cors-credentials", "cookies stay at home again")
    .option("--revision <n>", "only if it has this revision", wholeNumber);
  refuseContradictions(changes).action(action(shell, update, routeFlags));
  named(group.command("enable"), "its name or id")
    .description("let it answer again")
    .action(action(shell, setEnabled(true), routeFlags));
  named(group.command("disable"), "its name or id")
    .description("let it answer no more")
    .action(action(shell, setEnabled(false), routeFlags));
  named(group.command("delete"), "its name or id")
    .description("delete a route")
    .action(action(shell, remove, routeFlags));
}
