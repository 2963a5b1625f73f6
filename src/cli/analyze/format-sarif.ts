/** Findings as SARIF 2.1.0, which code hosts and editors read. https://docs.oasis-open.org/sarif/sarif/v2.1.0/ */
import { analysisCodes, type FindingCode, type Severity } from '../../compile/analyze/codes.ts';
import type { Finding } from '../../compile/analyze/finding.ts';
import { diagnosticCodes } from '../../compile/schema/codes.ts';
import { jsonText } from '../output.ts';

const LEVEL: Readonly<Record<Severity, 'error' | 'warning' | 'note'>> = { error: 'error', warning: 'warning', info: 'note' };

interface Described {
  readonly name?: string;
  readonly title: string;
  readonly mend?: string;
  readonly severity: Severity;
}

/** A code of the compiler has no severity of its own: each diagnostic says it. */
function described(code: FindingCode): Described {
  const own: Readonly<Record<string, Described>> = analysisCodes;
  const compiler: Readonly<Record<string, string>> = diagnosticCodes;
  return own[code] ?? { title: compiler[code] ?? code, severity: 'warning' };
}

function ruleOf(code: FindingCode): object {
  const { name, title, mend, severity } = described(code);
  return {
    id: code,
    ...(name === undefined ? {} : { name }),
    shortDescription: { text: title },
    ...(mend === undefined ? {} : { help: { text: mend } }),
    defaultConfiguration: { level: LEVEL[severity] },
  };
}

/** A path as a relative URI. */
function uriOf(file: string): string {
  return file.split(/[/\\]/).map(encodeURIComponent).join('/');
}

function resultOf({ code, severity, message, hint, file, line, column, resource, field }: Finding, ruleIndex: number): object {
  const name = [resource, field].filter((part) => part !== '').join(' ');
  return {
    ruleId: code,
    ruleIndex,
    level: LEVEL[severity],
    message: { text: hint === '' ? message : `${message}. ${hint}` },
    locations: [
      {
        physicalLocation: { artifactLocation: { uri: uriOf(file) }, region: { startLine: line, startColumn: column } },
        ...(name === '' ? {} : { logicalLocations: [{ fullyQualifiedName: name, kind: 'resource' }] }),
      },
    ],
  };
}

/** One run of the tool `tulle analyze`, with the rules that it used. */
export function formatSarif(findings: readonly Finding[], version: string): string {
  const codes = [...new Set(findings.map(({ code }) => code))].toSorted();
  const driver = { name: 'tulle analyze', version, rules: codes.map(ruleOf) };
  const results = findings.map((finding) => resultOf(finding, codes.indexOf(finding.code)));
  const log = {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [{ tool: { driver }, columnKind: 'utf16CodeUnits', results }],
  };
  return jsonText(log);
}
