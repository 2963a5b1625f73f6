/** `tulle grafana`: dashboards for the Grafana that one has. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { messageOf } from '../core/errors.ts';
import { newCommand, runCommand } from './command.ts';
import { CliError } from './errors.ts';
import { jsonText } from './output.ts';
import { dashboardJson } from './grafana/dashboard.ts';
import { DASHBOARDS } from './grafana/index.ts';

/**
 * Makes a folder and those above it. Node's own `recursive` goes round for ever where the system answers ENOENT though the
 * parent is there (procfs).
 */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(path.dirname(folder));
  mkdirSync(folder);
}

function write({ output }: { readonly output: string }): void {
  try {
    makeFolder(path.resolve(output));
  } catch (error) {
    throw new CliError(`${output} cannot be made: ${messageOf(error)}`, 'name another folder with -o', { cause: error });
  }
  for (const dashboard of DASHBOARDS) {
    const file = path.join(output, `${dashboard.uid}.json`);
    writeFileSync(file, jsonText(dashboardJson(dashboard)));
    process.stdout.write(`${file}  ${dashboard.title}: ${dashboard.about}\n`);
  }
}

/** Writes the dashboards. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('grafana', 'Writes dashboards for Grafana 12, over what tulle prometheus-config scrapes.', [
    ['tulle grafana -o dashboards', 'to import, or for a provisioned folder of Grafana'],
  ])
    .option('-o, --output <folder>', 'where to write, one file a dashboard', 'grafana')
    .action(write);
  await runCommand(command, args);
}
