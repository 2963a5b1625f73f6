/** What the commands' own command lines have in common. */
import { Command, CommanderError, Option } from 'commander';
import { CliError, EXIT } from './errors.ts';

/** A commander program for `tulle <name>` whose mistakes are CliErrors, with examples (line, meaning) under its help. */
export function newCommand(name: string, summary: string, examples: readonly (readonly [string, string])[]): Command {
  const lines = examples.map(([line, what]) => `  ${line.padEnd(58)}${what}`).join('\n');
  return new Command(`tulle ${name}`)
    .description(summary)
    .addHelpText('after', `\nExamples:\n${lines}`)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .allowExcessArguments(false);
}

/** Who reads the output may have seen enough (`tulle history | head -1`): that is no error. */
function onOutputError(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit();
  throw error;
}

/** Parses `args` and runs the command's action. */
export async function runCommand(command: Command, args: readonly string[]): Promise<void> {
  process.stdout.once('error', onOutputError);
  try {
    await command.parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === EXIT.ok) return;
    // commander's word for a command that was called without one of its subcommands
    const what = error.code === 'commander.help' ? 'a subcommand is missing' : error.message.replace(/^error: /, '');
    throw new CliError(what, `${command.name()} --help shows the usage`, { exitCode: EXIT.usage });
  }
}

/** `--state-dir`, as every command that talks to a mesh takes it. */
export function stateDirOption(): Option {
  return new Option('--state-dir <dir>', "the mesh's state directory (default: $TULLE_STATE_DIR, or the nearest .tulle)");
}

/** `-o`, as every command that lists something takes it. */
export function outputOption(): Option {
  return new Option('-o, --output <format>', 'how to print').choices(['table', 'json', 'yaml']).default('table');
}
