import { Option, type Command } from "commander";
import { refused, usageError } from "../cli-error.js";
import { action, nameOf, printDone, printList, printOne, printUpdated, type Context } from "../context.js";
import { environmentFlags } from "../flags.js";
import {
  createEnvironment,
  deleteEnvironment,
  getEnvironment,
  listEnvironments,
  updateEnvironment,
  type EnvironmentNode,
} from "../operations/environment.operations.js";
import { choice, isEmpty, listOptions, named, readYaml, wholeNumber } from "../options.js";
import { collect } from "../paging.js";
import { formatAge, type Column } from "../print.js";
import type { Shell } from "../shell.js";

const contracts = ["FERMI", "FISSION_V1", "FISSION_V2"];
/** Fission's own way of naming its contracts; versions 2 and 3 speak the same one. */
const contractOfVersion: Readonly<Record<string, string>> = { 1: "FISSION_V1", 2: "FISSION_V2", 3: "FISSION_V2" };

interface EnvironmentOptions {
  readonly name?: string;
  readonly image?: string;
  readonly contract?: string;
  readonly version?: string;
  readonly poolsize?: number;
  readonly graceperiod?: number;
  readonly mincpu?: string;
  readonly maxcpu?: string;
  readonly minmemory?: string;
  readonly maxmemory?: string;
  readonly podTemplate?: string;
  readonly revision?: number;
}

interface ListOptions {
  readonly allNamespaces?: boolean;
  readonly limit?: number;
}

const columns = (now: Date): Column<EnvironmentNode>[] => [
  ["NAMESPACE", (row) => row.namespace],
  ["NAME", (row) => row.name],
  ["IMAGE", (row) => row.image],
  ["CONTRACT", (row) => row.contract],
  ["POOLSIZE", (row) => row.poolSize],
  ["AGE", (row) => formatAge(row.createdAt, now)],
];

/** What create and update have in common; what was not given is left out. */
async function readInput({ options, shell }: Context<EnvironmentOptions>): Promise<object> {
  const { mincpu, maxcpu, minmemory, maxmemory, version } = options;
  if (options.contract !== undefined && version !== undefined)
    throw usageError("--contract and --version say the same; give one");
  const resources = { cpuRequest: mincpu, cpuLimit: maxcpu, memoryRequest: minmemory, memoryLimit: maxmemory };
  return {
    image: options.image,
    contract: version === undefined ? options.contract : contractOfVersion[version],
    poolSize: options.poolsize,
    gracePeriodSeconds: options.graceperiod,
    resources: isEmpty(resources) ? undefined : resources,
    podTemplate: options.podTemplate === undefined ? undefined : await readYaml(options.podTemplate, shell),
  };
}

async function create(context: Context<EnvironmentOptions>): Promise<void> {
  const { api, namespace, options } = context;
  const name = nameOf(context);
  if (options.image === undefined) throw usageError("--image is missing, as in --image fermi/nodejs");
  const input = { namespace, name, ...(await readInput(context)) };
  const advice = { ALREADY_EXISTS: `change it with \`fermi env update ${name} …\`` };
  const { createEnvironment: made } = await api.request(createEnvironment, { input }, { advice });
  printDone(context, made, `environment ${name} created`);
}

async function update(context: Context<EnvironmentOptions>): Promise<void> {
  const { api, namespace, options } = context;
  const name = nameOf(context);
  const change = await readInput(context);
  if (isEmpty(change)) throw usageError("nothing to change; `fermi env update --help` lists what can be");
  const before = await findEnvironment(context, name);
  const input = { namespace, name, expectedRevision: options.revision, ...change };
  const { updateEnvironment: made } = await api.request(updateEnvironment, { input }, { advice: notFound });
  printUpdated(context, { before, after: made }, { what: `environment ${name}`, now: "" });
}

const notFound = { NOT_FOUND: "`fermi env list` shows those there are" };

async function remove(context: Context<EnvironmentOptions>): Promise<void> {
  const { api, namespace } = context;
  const name = nameOf(context);
  const advice = { ...notFound, IN_USE: `\`fermi function list --env ${name}\` shows what uses it` };
  const { deleteEnvironment: gone } = await api.request(deleteEnvironment, { name, namespace }, { advice });
  printDone(context, gone, `environment ${name} deleted`);
}

async function findEnvironment({ api, namespace }: Context<unknown>, name: string): Promise<EnvironmentNode> {
  const { environment } = await api.request(getEnvironment, { name, namespace });
  if (environment === null) {
    throw refused(
      `no environment ${name} in namespace ${namespace}; create it with \`fermi env create --name ${name} --image fermi/nodejs\``,
    );
  }
  return environment;
}

async function get(context: Context<EnvironmentOptions>): Promise<void> {
  printOne(context, await findEnvironment(context, nameOf(context)), columns(context.now));
}

async function list(context: Context<ListOptions>): Promise<void> {
  const { api, options, now } = context;
  const namespace = options.allNamespaces === true ? null : context.namespace;
  const rows = await collect(options.limit ?? Infinity, async (first, after) => {
    const { environments } = await api.request(listEnvironments, { namespace, first, after });
    return environments;
  });
  printList(context, rows, columns(now), `environments${namespace === null ? "" : ` in namespace ${namespace}`}`);
}

function settingOptions(command: Command): Command {
  return named(command)
    .option("--image <image>", "what runs the functions, as in fermi/nodejs or fermi/python")
    .addOption(choice("--contract <contract>", "how the image takes a function in", contracts))
    .addOption(new Option("--version <n>", "the same in Fission's numbers").choices(Object.keys(contractOfVersion)))
    .option("--poolsize <n>", "warm instances kept ready", wholeNumber)
    .option("--mincpu <cpu>", "requested CPU of an instance, as in 100m")
    .option("--maxcpu <cpu>", "CPU limit of an instance")
    .option("--minmemory <memory>", "requested memory of an instance, as in 64Mi")
    .option("--maxmemory <memory>", "memory limit of an instance")
    .option(
      "--graceperiod <seconds>",
      "how long a draining instance may finish its requests, on top of its function's --timeout",
      wholeNumber,
    )
    .option("--pod-template <file>", "YAML or JSON of what its pods have besides; an empty file takes it away");
}

export function addEnvironmentCommands(program: Command, shell: Shell): void {
  const group = program.command("env").alias("environment").description("environments: what functions run in");
  settingOptions(group.command("create"))
    .description("create an environment and its pool of warm instances")
    .action(action(shell, create, environmentFlags));
  listOptions(group.command("list"))
    .description("list environments")
    .action(action(shell, list, environmentFlags));
  named(group.command("get"))
    .description("show one environment")
    .action(action(shell, get, environmentFlags));
  settingOptions(group.command("update"))
    .description("change an environment; what is left out stays")
    .option("--revision <n>", "only if it has this revision", wholeNumber)
    .action(action(shell, update, environmentFlags));
  named(group.command("delete"))
    .description("delete an environment that no function uses")
    .action(action(shell, remove, environmentFlags));
}
