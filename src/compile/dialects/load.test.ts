/**
 * Every file of test/fixtures/dialects is YAML, a line `====`, and what comes of it: diagnostics, then the accepted
 * resources and their parts. UPDATE_GOLDEN=1 writes the second half anew.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { diagnosticCodes } from '../schema/codes.ts';
import { parseDocuments } from './load.ts';

const folder = path.resolve(import.meta.dirname, '../../../test/fixtures/dialects');
const files = globSync('*.yaml', { cwd: folder }).toSorted();
const SEPARATOR = '\n====\n';

/** Provenance as one word, and what is absent left out, so that the files can be read. */
function plain(key: string, value: unknown): unknown {
  if (key === 'origin' && typeof value === 'object' && value !== null && 'line' in value && 'field' in value)
    return `${String(value.line)} ${String(value.field)}`.trim();
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  return value;
}

function resultOf(input: string): string {
  const { resources, diagnostics } = parseDocuments('in.yaml', input);
  const said = diagnostics.map(
    ({ line, column, severity, code, resource, field, message }) =>
      `${line}:${column} ${severity} ${code} ${resource ?? '-'} ${field ?? '-'}: ${message}`,
  );
  const parts = resources.map(({ key, line, part }) => ({
    [`${line} ${key}`]: JSON.parse(JSON.stringify(part('cluster.local').value ?? 'nothing', plain)),
  }));
  return `${said.join('\n')}\n${stringify(parts, { lineWidth: 0, flowCollectionPadding: false })}`;
}

for (const name of files) {
  test(`resources of ${name}`, () => {
    const file = path.join(folder, name);
    const [input = '', want = ''] = readFileSync(file, 'utf8').split(SEPARATOR);
    const got = resultOf(input);
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, `${input}${SEPARATOR}${got}`);
    else assert.equal(got, want);
  });
}

const inputs = files.map((name) => readFileSync(path.join(folder, name), 'utf8').split(SEPARATOR)[0] ?? '');

function checkSane(text: string): void {
  const { diagnostics } = parseDocuments('in.yaml', text);
  const lines = text.split('\n').length;
  for (const { line, column, code, message } of diagnostics) {
    assert.ok(Number.isInteger(line) && line >= 1 && line <= lines, `line ${line} of ${lines}: ${message}`);
    assert.ok(Number.isInteger(column) && column >= 1, message);
    assert.ok(Object.hasOwn(diagnosticCodes, code), code);
  }
}

test('parseDocuments() takes any text', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 400 }), checkSane), { numRuns: 500 });
});

test('parseDocuments() takes any text of the characters that YAML is made of', () => {
  const unit = fc.constantFrom(
    ...Array.from('abk:-?,[]{}#&*!|>\'"%@` \n\t0~<.'),
    'kind: ',
    'apiVersion: v1\n',
    '---\n',
    '...\n',
    '<<: *a\n',
    '&a ',
  );
  fc.assert(fc.property(fc.string({ unit, maxLength: 200 }), checkSane), { numRuns: 1_000 });
});

test('parseDocuments() takes resources with parts cut out, doubled or replaced', () => {
  const edit = fc.record({
    at: fc.nat(),
    cut: fc.nat({ max: 30 }),
    put: fc.oneof(fc.constantFrom('', ': ', '[', '{', '"', '\n', ' ', '- ', 'null', '-1', '{}'), fc.string({ maxLength: 5 })),
  });
  const property = fc.property(fc.constantFrom(...inputs), fc.array(edit, { minLength: 1, maxLength: 5 }), (input, edits) => {
    let text = input;
    for (const { at, cut, put } of edits) {
      const start = at % (text.length + 1);
      text = text.slice(0, start) + put + text.slice(start + cut);
    }
    checkSane(text);
  });
  fc.assert(property, { numRuns: 300 });
});

test('deep and cyclic documents are refused, not followed', () => {
  const hostile = [
    '['.repeat(50_000),
    '{a: '.repeat(20_000),
    'apiVersion: v1\nkind: Namespace\nmetadata: &a\n  labels: *a\n',
    '&a [*a, *a]',
  ];
  for (const text of hostile) {
    const { resources, diagnostics } = parseDocuments('in.yaml', text);
    assert.deepEqual(resources, []);
    assert.ok(diagnostics.length > 0);
  }
});
