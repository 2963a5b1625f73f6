/** `tulle version`. */
import { readFileSync } from 'node:fs';
import { isObject, textOf } from './json.ts';
import { newCommand, outputOption, runCommand } from './command.ts';
import type { OutputFormat } from './output.ts';
import { formatRows } from './output.ts';

/** The version in the package's manifest, which stands above both `src/` and `dist/`. */
export function packageVersion(): string {
  for (const relative of ['../package.json', '../../package.json']) {
    try {
      const manifest: unknown = JSON.parse(readFileSync(new URL(relative, import.meta.url), 'utf8'));
      if (isObject(manifest) && manifest['name'] === 'tulle') return textOf(manifest['version']);
    } catch {
      continue; // not at this depth
    }
  }
  return 'unknown';
}

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
