/**
 * The YAML that something was written in, for people to read: one document of one file. Only kinds that say how traffic
 * goes and who may do what are shown, and of those no value whose key speaks of a secret.
 */
import { ProtocolError } from '../../core/errors.ts';

export interface SourceText {
  readonly file: string;
  /** Number of the first line of `text`. */
  readonly firstLine: number;
  readonly kind: string;
  readonly text: string;
}

const SHOWN = new Set([
  'AuthorizationPolicy',
  'BackendTLSPolicy',
  'DestinationRule',
  'EnvoyFilter',
  'GRPCRoute',
  'Gateway',
  'HTTPRoute',
  'MeshConfig',
  'Namespace',
  'PeerAuthentication',
  'ProxyConfig',
  'ReferenceGrant',
  'RequestAuthentication',
  'Service',
  'ServiceEntry',
  'Sidecar',
  'TCPRoute',
  'TLSRoute',
  'Telemetry',
  'VirtualService',
  'Workload',
  'WorkloadEntry',
  'WorkloadGroup',
]);

const SECRET_KEY =
  /^(\s*(?:-\s+)?["']?[\w./-]*(?:password|passwd|secret|token|api[-_]?key|private[-_]?key|authorization|cookie)["']?\s*:)(\s+)(\S.*)$/i;
const FLOW_SECRET =
  /((?:password|passwd|secret|token|api[-_]?key|private[-_]?key|authorization|cookie)["']?\s*:\s*)("[^"]*"|'[^']*'|[^,}\]]+)/gi;
/** Keys of environments hold what applications are told, which may be anything. */
const ENV_KEY = /^(\s*)env\s*:\s*(.*)$/;
const HIDDEN = '[hidden]';

function kindOf(lines: readonly string[]): string {
  return /^kind\s*:\s*["']?(\w+)/m.exec(lines.join('\n'))?.[1] ?? '';
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

/** Lines without values of secrets: of keys that speak of one, of blocks under them, and of environments. */
function redacted(lines: readonly string[]): string[] {
  let hiddenBelow: number | undefined;
  return lines.map((line) => {
    if (hiddenBelow !== undefined && line.trim() !== '') {
      if (indentOf(line) > hiddenBelow)
        return line.replace(
          /^(\s*(?:-\s+)?[^:\s]+\s*:)?.*$/,
          (_, key: string | undefined) => `${key ?? ' '.repeat(indentOf(line))} ${HIDDEN}`,
        );
      hiddenBelow = undefined;
    }
    const env = ENV_KEY.exec(line);
    if (env !== null) {
      if (env[2] === '') hiddenBelow = (env[1] ?? '').length;
      return env[2] === '' ? line : `${env[1] ?? ''}env: ${HIDDEN}`;
    }
    const block = /:\s+[|>][+-]?\d*\s*$/.test(line) && SECRET_KEY.test(line);
    if (block) hiddenBelow = indentOf(line);
    if (SECRET_KEY.test(line)) return line.replace(SECRET_KEY, `$1$2${HIDDEN}`);
    return line.includes('{') ? line.replace(FLOW_SECRET, `$1${HIDDEN}`) : line;
  });
}

/** The document of `file` that `line` (from 1) is in. Throws ProtocolError where there is none, or it is not shown. */
export function sourceText(files: ReadonlyMap<string, string>, file: string, line: number): SourceText {
  const text = files.get(file);
  if (text === undefined) throw new ProtocolError('no_file', 404, `the mesh has no file ${file}`);
  const lines = text.split('\n');
  if (!Number.isInteger(line) || line < 1 || line > lines.length) throw new ProtocolError('no_line', 404, `${file} has no line ${line}`);
  const isBreak = (index: number): boolean => /^---(\s|$)/.test(lines[index] ?? '');
  let first = line - 1;
  while (first > 0 && !isBreak(first)) first -= 1;
  if (isBreak(first)) first += 1;
  let last = line - 1;
  while (last + 1 < lines.length && !isBreak(last + 1)) last += 1;
  const shown = lines.slice(first, last + 1);
  const kind = kindOf(shown);
  if (!SHOWN.has(kind))
    throw new ProtocolError('not_shown', 403, `the text of a ${kind === '' ? 'document without a kind' : kind} is not shown`);
  return { file, firstLine: first + 1, kind, text: redacted(shown).join('\n').trimEnd() };
}
