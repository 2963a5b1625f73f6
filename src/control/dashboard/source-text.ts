/**
 * The YAML that something was written in, for people to read: one document of one file. Only kinds that say how traffic
 * goes and who may do what are shown, and of those no secret.
 */
import { isMap, parseDocument } from 'yaml';
import { ProtocolError } from '../../core/errors.ts';
import { redactedYaml } from './redacted-yaml.ts';

/** What the dashboard shows of a file. */
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
  const shown = lines
    .slice(first, last + 1)
    .join('\n')
    .trimEnd();
  const document = parseDocument(shown);
  // what is secret in it is not to be told where it cannot be read
  if (document.errors.length > 0) throw new ProtocolError('not_shown', 403, `the text of ${file} is not shown: it is not YAML`);
  const said = isMap(document.contents) ? document.get('kind') : undefined;
  const kind = typeof said === 'string' ? said : '';
  if (!SHOWN.has(kind))
    throw new ProtocolError('not_shown', 403, `the text of a ${kind === '' ? 'document without a kind' : kind} is not shown`);
  return { file, firstLine: first + 1, kind, text: redactedYaml(shown, document) };
}
