/** Every field and word of Istio's kinds stands in the schemas, as read or as refused by name: none is unknown to us. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dialects } from '../../../src/compile/dialects/index.ts';
import { foreignKinds } from '../../../src/compile/dialects/foreign-kinds.ts';
import type { Fields, Schema } from '../../../src/compile/schema/schema.ts';
import { type CrdField, readDefinitions, recordedFields } from './crd-fields.ts';

/** What a path leads to: a schema, a field that is refused or passed over by name, or nothing. */
type Found = Schema | 'named' | undefined;

function fieldOf(fields: Fields, name: string): Found {
  const field = fields[name];
  return field === undefined || field.presence !== 'unsupported' ? field?.schema : 'named';
}

/** One step of a path: the items of a list, the values of a map, or a field. */
function stepInto(from: Found, step: string): Found {
  if (from === 'named' || from?.type === 'free-form') return from;
  if (step === '[]') return from?.type === 'list' ? from.of : undefined;
  if (step === '*') return from?.type === 'map' ? from.of : undefined;
  return from?.type === 'object' ? fieldOf(from.fields, step) : undefined;
}

function find(schema: Schema, path: string): Found {
  return path.replaceAll('[]', '.[]').split('.').reduce<Found>(stepInto, schema);
}

/** What an enum has where nobody wrote anything: no word that means something. */
const NO_WORD = 'INVALID';

/** The words that a schema does not have, not even refused by name. */
function unknownWords(schema: Found, words: readonly string[]): readonly string[] {
  if (schema === 'named' || schema === undefined) return [];
  if (schema.type === 'list') return unknownWords(schema.of, words);
  if (schema.type !== 'enum') return [];
  return words.filter((word) => word !== NO_WORD && !schema.values.includes(word) && !(word in schema.unsupported));
}

function problemsOf({ kind, path, words }: CrdField): readonly string[] {
  const dialect = dialects.find((each) => each.kind === kind);
  const spec = dialect && fieldOf(dialect.schema.fields, 'spec');
  if (spec === undefined || spec === 'named') return [`${kind} has no spec`];
  const found = find(spec, path);
  if (found === undefined) return [path];
  return unknownWords(found, words).map((word) => `${path}: ${word}`);
}

const fields = recordedFields();
const foreign = new Set(foreignKinds.flatMap(({ kinds }) => kinds));

describe('fields of Istio that we know', () => {
  for (const kind of new Set(fields.map((field) => field.kind)))
    test(kind, () => {
      if (foreign.has(kind)) return;
      const own = fields.filter((field) => field.kind === kind);
      assert.deepEqual(own.flatMap(problemsOf), []);
    });
});

test('definitions are read with lists, maps and words', () => {
  const text = `
spec:
  names: { kind: Thing }
  versions:
    - schema:
        openAPIV3Schema:
          properties:
            spec:
              properties:
                mode: { type: string, enum: [A, B] }
                many: { type: array, items: { properties: { to: { additionalProperties: { type: integer } } } } }
`;
  assert.deepEqual(readDefinitions(text), [
    { kind: 'Thing', path: 'mode', words: ['A', 'B'] },
    { kind: 'Thing', path: 'many', words: [] },
    { kind: 'Thing', path: 'many[].to', words: [] },
  ]);
});
