/** `tulle version`. */
import { textOf } from './json.ts';
import { newCommand, outputOption, runCommand } from './command.ts';
import type { OutputFormat } from './output.ts';
import { formatRows } from './output.ts';
import { packageVersion } from './package-version.ts';

/** Prints the versions of Tulle and of what it runs on. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('version', 'Prints the versions of Tulle and of the Node it runs on.', [
    ['tulle version -o json', 'for a program'],
  ])
    .addOption(outputOption())
    .action((options: { output: OutputFormat }) => {
      const rows = [{ tulle: packageVersion(), node: process.version, platform: `${process.platform}-${process.arch}` }];
      const columns = ['tulle', 'node', 'platform'].map((key) => ({
        title: key.toUpperCase(),
        cell: (row: Record<string, unknown>) => textOf(row[key]),
      }));
      process.stdout.write(formatRows(rows, columns, options.output));
    });
  await runCommand(command, args);
}
