/** Findings as workflow commands, which GitHub shows beside the lines of a change. */
import type { Severity } from '../../compile/analyze/codes.ts';
import type { Finding } from '../../compile/analyze/finding.ts';

const COMMAND: Readonly<Record<Severity, string>> = { error: 'error', warning: 'warning', info: 'notice' };

function escaped(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return escaped(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

/** One line a finding. */
export function formatGithub(findings: readonly Finding[]): string {
  return findings
    .map(({ severity, code, file, line, column, resource, message, hint }) => {
      const title = resource === '' ? code : `${code} ${resource}`;
      const place = `file=${property(file)},line=${line},col=${column},title=${property(title)}`;
      return `::${COMMAND[severity]} ${place}::${escaped(hint === '' ? message : `${message}. ${hint}`)}\n`;
    })
    .join('');
}
