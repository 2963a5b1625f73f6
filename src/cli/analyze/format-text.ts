/** Findings for people. */
import type { Severity } from '../../compile/analyze/codes.ts';
import type { Finding } from '../../compile/analyze/finding.ts';

/** SGR parameters: red, yellow, blue. */
const COLOUR: Readonly<Record<Severity, number>> = { error: 31, warning: 33, info: 34 };

function painted(text: string, code: number, hasColours: boolean): string {
  return hasColours ? `\u001B[${code}m${text}\u001B[0m` : text;
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

/** What all of it comes to, in one line. */
function summaryOf(findings: readonly Finding[], files: number): string {
  if (findings.length === 0) return `nothing found in ${counted(files, 'file')}`;
  const count = (severity: Severity): number => findings.filter((finding) => finding.severity === severity).length;
  return `${counted(count('error'), 'error')}, ${counted(count('warning'), 'warning')}, ${counted(count('info'), 'note')} in ${counted(files, 'file')}`;
}

function lineOf({ severity, code, file, line, resource, field, message, hint }: Finding, hasColours: boolean): string {
  const what = [resource, field].filter((part) => part !== '').join(' ');
  const head = `${painted(`${file}:${line}`, 1, hasColours)}: ${painted(severity, COLOUR[severity], hasColours)} ${code}${what === '' ? '' : `: ${what}`}`;
  return `${head}\n  ${message}\n${hint === '' ? '' : `  hint: ${hint}\n`}`;
}

/** Each finding with its place, what happens and how to mend it, and a last line that counts them. */
export function formatText(findings: readonly Finding[], files: number, hasColours: boolean): string {
  return `${findings.map((finding) => lineOf(finding, hasColours)).join('')}${summaryOf(findings, files)}\n`;
}
