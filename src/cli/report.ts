/** How commands end that fail. */
import { messageOf } from '../core/errors.ts';
import { CliError, EXIT } from './errors.ts';

function report(error: unknown): void {
  if (process.env['TULLE_DEBUG'] === '1') process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  else process.stderr.write(`tulle: ${messageOf(error)}\n`);
  if (error instanceof CliError && error.hint !== '') process.stderr.write(`  hint: ${error.hint}\n`);
}

/** Runs a command; errors become lines on stderr and the process's exit code. */
export async function reported(command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    report(error);
    process.exitCode = error instanceof CliError ? error.exitCode : EXIT.failed;
  }
}
