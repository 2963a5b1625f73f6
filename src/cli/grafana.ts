/** `tulle grafana`: dashboards for the Grafana that one has. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { newCommand, runCommand } from './command.ts';
import { jsonText } from './output.ts';
import { dashboardJson } from './grafana/dashboard.ts';
import { DASHBOARDS } from './grafana/index.ts';

function write({ output }: { readonly output: string }): void {
  mkdirSync(output, { recursive: true });
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
