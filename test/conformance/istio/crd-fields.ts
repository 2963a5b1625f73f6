/**
 * The fields of Istio's kinds, and the words that each may have, as its published CustomResourceDefinitions name them.
 *
 *     node test/conformance/istio/crd-fields.ts <customresourcedefinitions.gen.yaml>
 *
 * writes `crd-fields.txt` anew: a line a field, `Kind path` or `Kind path: WORD WORD`. The file of definitions is in the
 * Go module `istio.io/api`, under `kubernetes/`. Names only, so that no text of theirs is kept.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { at, entries, items, type Json, text } from './json.ts';

const FIELDS_FILE = fileURLToPath(new URL('crd-fields.txt', import.meta.url));

/** One field, as `a.b[].c`, with `.*` for the names of a map; no words where it may be anything. */
export interface CrdField {
  readonly kind: string;
  readonly path: string;
  readonly words: readonly string[];
}

/** What is below a schema, by path. `x-kubernetes-int-or-string`, and maps of anything, are leaves. */
function below(schema: Json | undefined, path: string): readonly (readonly [path: string, words: readonly string[]])[] {
  if (at(schema, 'items') !== undefined) return below(at(schema, 'items'), `${path}[]`);
  if (entries(schema, 'additionalProperties').length > 0) return below(at(schema, 'additionalProperties'), `${path}.*`);
  return entries(schema, 'properties').flatMap(([name, of]) => {
    const here = path === '' ? name : `${path}.${name}`;
    const words = [...items(of, 'enum'), ...items(of, 'items', 'enum')].map((word) => text(word));
    return [[here, words] as const, ...below(of, here)];
  });
}

/** Fields of `spec` of every kind, from the text of the definitions; a kind's newest version counts. */
export function readDefinitions(definitions: string): CrdField[] {
  return parseAllDocuments(definitions).flatMap((document) => {
    const definition: Json = document.toJSON();
    const [version] = items(definition, 'spec', 'versions');
    const schema = at(version, 'schema', 'openAPIV3Schema', 'properties', 'spec');
    const kind = text(definition, 'spec', 'names', 'kind');
    return below(schema, '').map(([path, words]) => ({ kind, path, words }));
  });
}

/** The recorded fields. */
export function recordedFields(): CrdField[] {
  const lines = readFileSync(FIELDS_FILE, 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const [place = '', words = ''] = line.split(': ');
    const [kind = '', path = ''] = place.split(' ');
    return { kind, path, words: words === '' ? [] : words.split(' ') };
  });
}

const [, script, definitions] = process.argv;
if (script === fileURLToPath(import.meta.url) && definitions !== undefined) {
  const fields = readDefinitions(readFileSync(definitions, 'utf8'));
  const lines = fields.map(({ kind, path, words }) => (words.length === 0 ? `${kind} ${path}` : `${kind} ${path}: ${words.join(' ')}`));
  writeFileSync(FIELDS_FILE, `${lines.toSorted().join('\n')}\n`);
}
