/** Scripts that complete commands and flags, made from the commands themselves, so that they are never behind. */
import { Argument, type Command } from "commander";
import type { Shell } from "../shell.js";

/** What may follow a chain of commands: `["env", "create"]` to its flags. */
interface Step {
  readonly path: readonly string[];
  readonly words: readonly string[];
}

function stepsOf(command: Command, globalFlags: readonly string[], path: readonly string[] = []): Step[] {
  const flags = [...flagsOf(command), ...(path.length > 0 ? globalFlags : [])];
  const words = [...command.commands.flatMap((sub) => [sub.name(), ...sub.aliases()]), ...flags];
  const below = command.commands.flatMap((sub) =>
    [sub.name(), ...sub.aliases()].flatMap((name) => stepsOf(sub, globalFlags, [...path, name])),
  );
  return [{ path, words }, ...below];
}

const flagsOf = (command: Command): string[] => command.options.flatMap(({ long }) => long ?? []);

function bash(steps: readonly Step[]): string {
  const cases = steps.map(({ path, words }) => `    "${path.join(" ")}") words="${words.join(" ")}" ;;`);
  const known = steps.flatMap(({ path }) => (path.length > 0 ? [`"${path.join(" ")}"`] : []));
  return `# Load it with: source <(fermi completion bash)
_fermi() {
  local path="" word words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in ${known.join("|")}) path="\${path:+$path }$word" ;; esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _fermi fermi
`;
}

const zsh = (steps: readonly Step[]): string => `#compdef fermi
# Load it with: source <(fermi completion zsh)
autoload -U +X compinit bashcompinit && compinit && bashcompinit
${bash(steps)}`;

function fish(steps: readonly Step[]): string {
  const lines = steps.flatMap(({ path, words }) => {
    const commands = words.filter((word) => !word.startsWith("--"));
    const flags = words.filter((word) => word.startsWith("--"));
    const condition = `__fermi_at ${path.join(" ")}`.trim();
    return [
      ...(commands.length > 0 ? [`complete -c fermi -n '${condition}' -f -a '${commands.join(" ")}'`] : []),
      ...flags.map((flag) => `complete -c fermi -n '${condition}' -l ${flag.slice(2)}`),
    ];
  });
  return `# Load it with: fermi completion fish | source
function __fermi_at
  set -l words (commandline -opc | string match -v -- '-*')
  set -e words[1]
  if test (count $argv) -lt 2
    test "$words" = "$argv"
  else
    test "$words[1..2]" = "$argv"
  end
end
${lines.join("\n")}
`;
}

const scripts = { bash, zsh, fish };

export function addCompletionCommand(program: Command, shell: Shell): void {
  program
    .command("completion")
    .description("print a script that completes commands and flags")
    .addArgument(new Argument("<shell>", "for which shell").choices(Object.keys(scripts)))
    .action((name: keyof typeof scripts) => shell.write(scripts[name](stepsOf(program, flagsOf(program)))));
}
