/** What the compiler says, under Istio's codes where Istio has one for it. */
import type { Diagnostic } from '../../model/provenance.ts';
import { foreignKinds, groupOf } from '../dialects/foreign-kinds.ts';
import { dialects } from '../dialects/index.ts';
import { diagnosticCodes, type DiagnosticCode } from '../schema/codes.ts';
import { closest } from '../schema/suggest.ts';
import { analysisCodes, type AnalysisCode } from './codes.ts';
import type { Documents } from './document.ts';
import { type Finding, namesOf } from './finding.ts';
import { POD_KINDS } from './runners.ts';

const AS_ISTIO: Readonly<Record<string, AnalysisCode>> = {
  TUL017: 'IST0002',
  TUL101: 'IST0101',
  TUL102: 'IST0101',
  TUL103: 'IST0101',
  TUL104: 'IST0109',
  TUL106: 'IST0127',
  TUL107: 'IST0101',
  TUL109: 'IST0101',
  TUL111: 'IST0177',
  TUL113: 'IST0101',
  TUL114: 'IST0101',
  TUL116: 'IST0101',
};

/** What is wrong with a document by itself; what is wrong with its kind stays as it is. */
const SCHEMA: ReadonlySet<string> = new Set([
  'TUL001',
  'TUL002',
  'TUL003',
  'TUL005',
  'TUL010',
  'TUL011',
  'TUL012',
  'TUL013',
  'TUL014',
  'TUL015',
  'TUL016',
  'TUL018',
  'TUL020',
  'TUL021',
]);

function isDiagnosticCode(code: string): code is DiagnosticCode {
  return Object.hasOwn(diagnosticCodes, code);
}

/** The catch-all rule that the compiler warns of: analysers name the rules behind it instead. */
function isSaidBetter({ code, field = '', resource = '' }: Diagnostic): boolean {
  return code === 'TUL020' && resource.startsWith('VirtualService ') && /^spec\.http\[\d+\]$/.test(field);
}

/** What analysers read themselves, though the compiler does not. */
function isReadHere({ code, resource = '' }: Diagnostic): boolean {
  return code === 'TUL004' && resource.startsWith('ServiceAccount ');
}

const GROUPS: ReadonlySet<string> = new Set([
  ...dialects.flatMap(({ apiVersions }) => apiVersions.map(groupOf)),
  ...foreignKinds.map(({ group }) => group),
]);

/** Kinds of groups that are neither a mesh's nor misspelt: other programs' in the same folder. */
function isUnrelated({ code, resource = '', file, line }: Diagnostic, documents: Documents): boolean {
  if (code !== 'TUL003' || resource === '') return false;
  const version = documents.valueAt({ ...namesOf(resource), file, line, field: '' }, 'apiVersion');
  const group = groupOf(typeof version === 'string' ? version : '');
  return !GROUPS.has(group) && closest(group, GROUPS) === undefined;
}

/** Pods are read here, as workloads that would run. */
function isPods({ code, resource = '' }: Diagnostic): boolean {
  return code === 'TUL004' && Object.hasOwn(POD_KINDS, resource.split(' ', 1)[0] ?? '');
}

/** The line of the field, where the compiler knows that of the resource only. */
function lineOf({ file, line, resource = '', field = '' }: Diagnostic, documents: Documents): number {
  const { kind, namespace, name } = namesOf(resource);
  const origin = { kind, namespace, name, file, line, field: '' };
  return field === '' || documents.placeOf(origin, '').line !== line ? line : documents.placeOf(origin, field).line;
}

function ofDiagnostic(diagnostic: Diagnostic, documents: Documents): Finding {
  const { file, column, message, resource = '', field = '' } = diagnostic;
  const line = lineOf(diagnostic, documents);
  const schema = diagnostic.severity === 'error' ? ('IST0106' as const) : ('IST0133' as const);
  if (isUnrelated(diagnostic, documents))
    return { code: 'TUL003', severity: 'info', message, hint: '', file, line, column, resource, field };
  const code = AS_ISTIO[diagnostic.code] ?? (SCHEMA.has(diagnostic.code) ? schema : undefined);
  const place = { message, file, line, column, resource, field };
  if (code !== undefined) return { ...place, code, severity: analysisCodes[code].severity, hint: analysisCodes[code].mend };
  const severity = isPods(diagnostic) ? 'info' : diagnostic.severity;
  return { ...place, code: isDiagnosticCode(diagnostic.code) ? diagnostic.code : 'IST0106', severity, hint: '' };
}

/** The compiler's diagnostics as findings. */
export function compilerFindings(diagnostics: readonly Diagnostic[], documents: Documents): readonly Finding[] {
  const said = diagnostics.filter((diagnostic) => !isSaidBetter(diagnostic) && !isReadHere(diagnostic));
  return said.map((diagnostic) => ofDiagnostic(diagnostic, documents));
}
