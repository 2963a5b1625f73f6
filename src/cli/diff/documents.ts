/** The resources of YAML files as texts that can be compared: without comments, with keys in order, and with secrets masked. */
import { parseAllDocuments, stringify } from 'yaml';
import { resourceKey } from '../../compile/dialects/dialect.ts';
import { dialects } from '../../compile/dialects/index.ts';
import { isObject, keysSorted, objectAt, objectsOf, textOf } from '../json.ts';

export interface DocumentText {
  /** `VirtualService shop/reviews`, or the name of a file that is no YAML. */
  readonly key: string;
  readonly file: string;
  readonly text: string;
}

const SECRET_FIELDS = ['data', 'stringData'] as const;

function keyOf(document: unknown): string {
  const kind = textOf(objectAt({ document }, 'document')['kind']);
  const { name, namespace } = objectAt(document, 'metadata');
  const dialect = dialects.find((each) => each.kind === kind);
  const isNamespaced = dialect?.isNamespaced ?? textOf(namespace) !== '';
  return resourceKey(kind, isNamespaced ? textOf(namespace) || 'default' : '', textOf(name));
}

/** The documents in it, those of a List one by one. */
function flat(document: unknown): readonly unknown[] {
  return isObject(document) && textOf(document['kind']).endsWith('List') && Array.isArray(document['items'])
    ? objectsOf(document['items']).flatMap(flat)
    : [document];
}

function documentsIn(file: string, text: string): DocumentText[] {
  const parsed = parseAllDocuments(text, { logLevel: 'silent', prettyErrors: false });
  const isBroken = 'empty' in parsed || parsed.some(({ errors }) => errors.length > 0);
  if (isBroken) return text.trim() === '' ? [] : [{ key: `file ${file}`, file, text }];
  const values = parsed.flatMap((document): readonly unknown[] => flat(document.toJS({ maxAliasCount: 1000 })));
  return values.filter(isObject).map((value) => ({ key: keyOf(value), file, text: stringify(keysSorted(value), { lineWidth: 0 }) }));
}

/** Every resource by its key; of two with one key the later one. */
export function documentsOf(texts: ReadonlyMap<string, string>): ReadonlyMap<string, DocumentText> {
  return new Map([...texts].flatMap(([file, text]) => documentsIn(file, text)).map((each) => [each.key, each]));
}

/** The value of a line `  key: value`. */
function maskLine(line: string, side: string): string {
  return line.replace(/^(\s+[^\s:]+:).*$/, `$1 '*** (${side})'`);
}

/** The lines of a Secret's data: which differ is told, what they say is not. */
function masked(text: string, other: string, side: string): string {
  const others = new Set(other.split('\n'));
  let isInside = false;
  const lines = text.split('\n').map((line) => {
    if (/^\S/.test(line)) isInside = SECRET_FIELDS.some((field) => line.startsWith(`${field}:`));
    if (!isInside || /^\S/.test(line)) return line;
    return maskLine(line, others.has(line) ? 'unchanged' : side);
  });
  return lines.join('\n');
}

/** Both sides of a resource as they may be shown. */
export function shown(key: string, before: string, after: string): readonly [before: string, after: string] {
  return key.startsWith('Secret ') ? [masked(before, after, 'before'), masked(after, before, 'after')] : [before, after];
}
