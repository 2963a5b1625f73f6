/** `tulle check`: named checks, each with what to do where it fails. */
import { newCommand, outputOption, runCommand, stateDirOption } from './command.ts';
import { checkMachine } from './check/machine.ts';
import { checkMesh } from './check/mesh.ts';
import type { Finding } from './check/finding.ts';
import { EXIT } from './errors.ts';
import type { OutputFormat } from './output.ts';
import { formatRows } from './output.ts';

const MARK: Readonly<Record<Finding['result'], string>> = { ok: 'ok   ', warning: 'warn ', failed: 'FAIL ' };

function print(findings: readonly Finding[]): string {
  return findings
    .map(({ name, result, detail, hint }) => `${MARK[result]}${name}: ${detail}${hint === '' ? '' : `\n       hint: ${hint}`}\n`)
    .join('');
}

/** The last line: what all findings come to. */
function verdict(findings: readonly Finding[]): string {
  const count = (result: Finding['result']): number => findings.filter((finding) => finding.result === result).length;
  const [failures, warnings] = [count('failed'), count('warning')];
  if (failures > 0) return `${failures} of ${findings.length} checks failed\n`;
  return warnings > 0 ? `healthy, with ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}\n` : 'healthy\n';
}

async function check(options: { stateDir?: string; output: OutputFormat }): Promise<void> {
  const findings = [...checkMachine(), ...(await checkMesh(options.stateDir))];
  const rows = findings.map((finding) => ({ ...finding }));
  process.stdout.write(options.output === 'table' ? print(findings) + verdict(findings) : formatRows(rows, [], options.output));
  if (findings.some(({ result }) => result === 'failed')) process.exitCode = EXIT.failed;
}

/** Prints the checks; exit code 1 where one fails. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('check', 'Says whether this machine and the mesh that runs on it are healthy.', [
    ['tulle check', 'what is wrong, and what to do'],
    ['tulle check -o json', 'for a monitor; the exit code is 1 where a check fails'],
  ])
    .addOption(stateDirOption())
    .addOption(outputOption())
    .action(check);
  await runCommand(command, args);
}
