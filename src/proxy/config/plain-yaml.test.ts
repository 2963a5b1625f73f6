import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CORE_SCHEMA, load } from 'js-yaml';
import { stringify } from 'yaml';
import { readPlainYaml } from './plain-yaml.ts';

const whole = (text: string): unknown => load(text, { schema: CORE_SCHEMA });

const READ = [
  [
    'scalars',
    'a: 1\nb: -20\nc: true\nd: false\ne: some text, or other\nf: "quoted: #text"\ng: \'quoted too\'\nh: []\ni: {}\nj: 15s\nk: 10.0.0.1\n',
  ],
  ['nesting', 'a:\n  b:\n      c: x\n  d: y\ne: z'],
  ['sequences below and beside their key', 'a:\n  - 1\n  - b: 2\n    c: 3\nd:\n- - x\n  - y\n-   z\ne: f\n'],
  ['keys that are quoted or end in brackets', '"@type": t\n\'q r\': s\nns[shop]-policy[p0]-rule[0]:\n  x: y\n'],
  ['comments and empty lines', '# first\n\na: b\n  # between\nc:\n\n  - d\n# last'],
  ['text that looks like something else', 'a: http://host/path\nb: :method\nc: a#b\nd: a, b\ne: x[0]\nf: 0.5s\n'],
] as const;

test('what is plain is read as by the whole parser', () => {
  for (const [name, text] of READ) {
    const got = readPlainYaml(text);
    assert.notEqual(got, undefined, name);
    assert.deepEqual(got, whole(text), name);
  }
});

const LEFT = [
  'a: &x 1\nb: *x', 'a: |\n  text', 'a: >-\n  text', '{ a: b }', 'a: [1, 2]', 'a: 1.5', 'a: 0x1f', 'a: 1e3', 'a: ~', 'a: null', 'a:', 'a: .inf',
  'a: b\n  c', '- a\n  b', 'a: b # c', '--- \na: b', 'a: b\n---\nc: d', 'a: 1\na: 2', '? a\n: b', 'a: !!str 1', '<<: b', '\ta: b', 'a: "\\n"', 'a: ü',
  'a:\n    b: 1\n  c: 2', 'a: b: c', '- a\nb: c', '', '# nothing', 'a: b\n- c', 'a: b\r\nc: d', '__proto__: a', 'true: a', '"a" b: c',
] as const; // prettier-ignore

test('what is not plain is left to the whole parser', () => {
  for (const text of LEFT) assert.equal(readPlainYaml(text), undefined, JSON.stringify(text));
});

test('bootstraps as programs write them are plain', () => {
  const value = {
    node: { id: 'a~b' },
    list: [
      { '@type': 't', domains: ['*', 'a:80'] },
      { port_value: 80, empty: {}, none: [] },
    ],
  };
  assert.deepEqual(readPlainYaml(stringify(value)), value);
  assert.deepEqual(readPlainYaml(JSON.stringify(value)), undefined);
});

const PIECES = [
  'a', 'b', 'key', 'a.b', '"@type"', "'q'", 'x[0]', 'true', 'null', '1', '-5', '0', '007', '1.5', '15s', '1e3', '10.0.0.1', '-', '- ', '-  ', '- - ', ': ', ':', ':x', ' ',
  '  ', '    ', '\n', '\n', '\n', '\n  ', '\n  ', '\n    ', '\n- ', '\n  - ', '# c', ' # c', '#', '"', "'", '{}', '[]', '[', '}', ',', '*', '&', '|', '>', '%', '@', '~',
  '---', '...', 'http://h', 'yes', '.inf', '=', '<<', '?', '? ', '!', '\\', '\t', '\r',
] as const; // prettier-ignore

const LINE = fc.tuple(
  fc.constantFrom('', '  ', '    ', '      ', ' '),
  fc.constantFrom('', '', '- ', '- - ', '-   ', '-'),
  fc.constantFrom('', 'a: ', 'b: ', 'c:', '"d": ', 'a:', 'e[1]: ', "'f': "),
  fc.constantFrom(...PIECES, '', '', 'text', '12', '"text"', "'text'"),
);

test('whatever is read is what the whole parser reads', () => {
  const agrees = (text: string): void => {
    const got = readPlainYaml(text);
    if (got !== undefined) assert.deepEqual(got, whole(text), JSON.stringify(text));
  };
  const numRuns = Number(process.env['FUZZ_RUNS'] ?? 2000);
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...PIECES), { maxLength: 20 }).map((pieces) => pieces.join('')),
      agrees,
    ),
    { numRuns },
  );
  fc.assert(
    fc.property(
      fc.array(LINE, { maxLength: 8 }).map((lines) => lines.map((parts) => parts.join('')).join('\n')),
      agrees,
    ),
    { numRuns },
  );
  fc.assert(
    fc.property(
      fc.json({ maxDepth: 4 }).map((json) => stringify(JSON.parse(json))),
      agrees,
    ),
    { numRuns: numRuns / 4 },
  );
});
