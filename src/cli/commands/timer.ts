import { Option, type Command } from "commander";
import { action, printList, type Context } from "../context.js";
import { findTrigger } from "../find-trigger.js";
import { timerFlags } from "../flags.js";
import {
  createTimer,
  deleteTimer,
  enableTimer,
  getTimer,
  listTimers,
  nextRuns,
  updateTimer,
  type TimerNode,
} from "../operations/timer.operations.js";
import { choice, named, positiveNumber, wholeNumber } from "../options.js";
import type { Shell } from "../shell.js";
import { addTriggerCommands, type SettingOptions, type TriggerCommands } from "./trigger.js";

interface TimerOptions extends SettingOptions {
  readonly cron?: string;
  readonly timezone?: string;
  readonly onMissed?: string;
  readonly missedWindow?: number;
  readonly overlap?: string;
}

const timers: TriggerCommands<TimerNode, TimerOptions> = {
  word: "timer",
  plural: "timers",
  aliases: ["timetrigger"],
  description: "timers: call a function at the times of a schedule",
  operations: {
    create: createTimer,
    update: updateTimer,
    enable: enableTimer,
    remove: deleteTimer,
    get: getTimer,
    list: listTimers,
  },
  flags: timerFlags,
  columns: [
    ["SCHEDULE", (row) => row.schedule],
    ["TIMEZONE", (row) => row.timezone],
    ["LAST", (row) => row.lastRunAt],
    ["NEXT", (row) => row.nextRuns[0]],
  ],
  details: [
    ["ON MISSED", (row) => row.onMissed],
    ["MISSED WINDOW", (row) => `${row.missedWindowSeconds}s`],
    ["OVERLAP", (row) => row.overlap],
  ],
  needed: ["schedule"],
  readInput: ({ cron, timezone, onMissed, missedWindow, overlap }) => ({
    schedule: cron,
    timezone,
    onMissed,
    missedWindowSeconds: missedWindow,
    overlap,
  }),
  addSettings: (command) =>
    command
      .option("--cron <schedule>", "five or six cron fields, @hourly and the like, or '@every 90s'")
      .option("--timezone <zone>", "the time zone it is meant in, such as Europe/Berlin; UTC where never given")
      .addOption(
        choice("--on-missed <policy>", "what becomes of missed runs; RUN_ONCE where never given", ["RUN_ONCE", "SKIP"]),
      )
      .option(
        "--missed-window <seconds>",
        "how late a missed run is still made up; 3600 where never given",
        wholeNumber,
      )
      .addOption(
        choice("--overlap <policy>", "whether it runs beside its run before; ALLOW where never given", [
          "ALLOW",
          "SKIP",
        ]),
      ),
  tell: ({ schedule, timezone, nextRuns: [next] }) =>
    `${schedule} (${timezone}), ${next === undefined ? "never due while it is off" : `due next ${next}`}`,
};

async function next(context: Context<SettingOptions & { readonly count: number }>): Promise<void> {
  const { id, name } = await findTrigger(context, timers);
  const { trigger } = await context.api.request(nextRuns, { id, count: context.options.count });
  const rows = (trigger?.nextRuns ?? []).map((at) => ({ at }));
  printList(context, rows, [["NEXT", (row) => row.at]], `next runs: timer ${name} is off, or never due`);
}

export function addTimerCommands(program: Command, shell: Shell): void {
  const group = addTriggerCommands(program, shell, timers);
  named(group.command("next"), "its name or id")
    .description("tell when it is due next")
    .addOption(new Option("--count <n>", "how many times, 100 at most").argParser(positiveNumber).default(5))
    .action(action(shell, next, timerFlags));
}
