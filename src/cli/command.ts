/** What the commands' own command lines have in common. */
import { Command, CommanderError, Option } from 'commander';
import { EXIT, usageError } from './errors.ts';
import { examplesText } from './examples.ts';

/** A commander program for `tulle <name>` whose mistakes are CliErrors, with examples (line, meaning) under its help. */
export function newCommand(name: string, summary: string, examples: readonly (readonly [string, string])[]): Command {
  return new Command(`tulle ${name}`)
    .description(summary)
    .addHelpText('after', `\n${examplesText(examples)}`)
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
  if (!process.stdout.listeners('error').includes(onOutputError)) process.stdout.once('error', onOutputError);
  try {
    await command.parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === EXIT.ok) return;
    // commander's word for a command that was called without one of its subcommands
    const what = error.code === 'commander.help' ? 'a subcommand is missing' : error.message.replace(/^error: /, '');
    throw usageError(what, `${command.name()} --help shows the usage`);
  }
}

/** `--state-dir`, as every command that talks to a mesh takes it. */
export function stateDirOption(): Option {
  return new Option('--state-dir <dir>', "the mesh's state directory (default: $TULLE_STATE_DIR, or the nearest .tulle)");
}

/** `-o`, as every command takes it that has something to show; the first of `formats` is what nobody has to ask for. */
export function outputOption(formats: readonly [string, ...string[]] = ['table', 'json', 'yaml']): Option {
  return new Option('-o, --output <format>', 'how to print').choices(formats).default(formats[0]);
}

/** An option that collects a value each time it is given; `none` says in the help what it is where it is not. */
export function repeatedOption(flags: string, summary: string, none: string): Option {
  return new Option(flags, `${summary}; may be given several times`)
    .argParser((value: string, before: readonly string[]) => [...before, value])
    .default([], none);
}

/** `--log`: files to look for a request in. */
export function logOption(): Option {
  return repeatedOption('--log <file>', "an access log to look for it in, in place of the mesh's", 'those of the mesh');
}
