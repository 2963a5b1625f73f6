/**
 * Findings that their resource, or the command line, asks not to see. Annotations are Istio's
 * (`galley.istio.io/analyze-suppress`) and ours (`tulle.dev/analyze-suppress`): codes separated by commas, or `*`.
 */
import { ConfigError } from '../../core/errors.ts';
import type { Documents } from './document.ts';
import { type Finding, namesOf } from './finding.ts';

const SUPPRESS_ANNOTATIONS = ['galley.istio.io/analyze-suppress', 'tulle.dev/analyze-suppress'] as const;

/** Codes and resources, in which `*` stands for any text. */
export interface Suppression {
  readonly code: string;
  readonly kind: string;
  readonly name: string;
  /** '' for kinds without a namespace. */
  readonly namespace: string;
}

function hasPattern(pattern: string, text: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[^\w]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(text);
}

/** `IST0101=VirtualService reviews.shop`, as `istioctl analyze --suppress` takes it. Throws ConfigError. */
export function parseSuppression(text: string): Suppression {
  const match = /^([A-Za-z0-9*]+)=([A-Za-z*]+) ([^\s.]+)(?:\.(\S+))?$/.exec(text);
  if (match === null)
    throw new ConfigError('--suppress', `"${text}" is not CODE=Kind name.namespace, such as "IST0101=VirtualService *.shop"`);
  const [, code = '', kind = '', name = '', namespace = ''] = match;
  return { code, kind, name, namespace };
}

function isAsked({ code, kind, name, namespace }: Suppression, finding: Finding): boolean {
  if (finding.resource === '' || !hasPattern(code, finding.code)) return false;
  const own = namesOf(finding.resource);
  const isThere = namespace === '' && name === '*' ? true : hasPattern(namespace, own.namespace);
  return hasPattern(kind, own.kind) && hasPattern(name, own.name) && isThere;
}

/** Codes that resources suppress, by file and resource. */
function annotated(documents: Documents): ReadonlyMap<string, readonly string[]> {
  const codes = new Map<string, readonly string[]>();
  for (const { kind, name, namespace, annotations, originOf } of documents.withText('analyze-suppress')) {
    const written = SUPPRESS_ANNOTATIONS.flatMap((annotation) => (annotations[annotation] ?? '').split(','));
    const own = written.map((code) => code.trim()).filter((code) => code !== '');
    const { file } = originOf('');
    for (const key of [`${kind} ${namespace}/${name}`, `${kind} ${name}`]) if (own.length > 0) codes.set(`${file} ${key}`, own);
  }
  return codes;
}

/** Findings that nobody asked not to see. */
export function withoutSuppressed(
  findings: readonly Finding[],
  documents: Documents,
  suppressions: readonly Suppression[],
): readonly Finding[] {
  const codes = annotated(documents);
  return findings.filter((finding) => {
    const own = codes.get(`${finding.file} ${finding.resource}`) ?? [];
    if (own.some((code) => hasPattern(code, finding.code))) return false;
    return !suppressions.some((suppression) => isAsked(suppression, finding));
  });
}
