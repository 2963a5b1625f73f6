import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import { compileSubset } from './re2-subset.ts';
import { compileRe2, compileRe2Substitution, loadRe2, Re2Missing } from './re2.ts';

test('a pattern outside the subset asks for the engine', () => {
  assert.equal(compileRe2('/api/v[0-9]+/.*', 'p').fullMatch('/api/v12/x'), true);
  assert.throws(() => compileRe2('(a+)+', 'p'), Re2Missing);
});

test('what is inside the subset, and what is left to re2js', () => {
  const inside = [
    '',
    'abc',
    '.*',
    '/api/v[0-9]+/.*',
    '.*foo.*',
    '(a|b)/x',
    '/foo(/.*)?',
    '[^/]+/[^/]+',
    'a{2,5}',
    '^/x$',
    '\\d+\\.\\d+',
    '[\\w.-]+@x',
    'v[12]\\.html',
  ];
  const outside = [
    '(a+)+',
    '(a|b)*',
    '.*a.*b',
    'a*?',
    '(?i)x',
    '\\pL',
    '\\bx',
    '[[:alpha:]]',
    'é',
    '\\s',
    '(?P<n>a)',
    '^a|b$',
    '(',
    '[',
    'a**',
    'a{1001}',
    '\\1',
    '[z-a]',
    '(a?){9}',
    'a?a?a?a?a?a?a?',
  ];
  for (const pattern of inside) assert.ok(compileSubset(pattern), pattern);
  for (const pattern of outside) assert.equal(compileSubset(pattern), undefined, pattern);
});

const literal = fc.constantFrom(
  'a',
  'b',
  '/',
  '\\.',
  '-',
  '.',
  '[ab]',
  '[^a]',
  '[^/]',
  '[a-c-]',
  '\\d',
  '\\W',
  '[\\d.]',
  '[\\w-]',
  '[]a]',
  '_',
  ' ',
  '\\n',
);
const atom = fc.tuple(literal, fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,3}', '{2,}')).map(([a, q]) => a + q);
const pattern = fc.letrec<{ pattern: string; group: string }>((tie) => ({
  pattern: fc
    .array(fc.oneof({ weight: 4, arbitrary: atom }, { weight: 1, arbitrary: tie('group') }), { maxLength: 5 })
    .map((parts) => parts.join('')),
  group: fc
    .tuple(fc.constantFrom('(', '(?:'), fc.array(tie('pattern'), { minLength: 1, maxLength: 3 }), fc.constantFrom(')', ')?'))
    .map(([open, alternatives, close]) => open + alternatives.join('|') + close),
})).pattern;
const text = fc
  .array(fc.constantFrom('a', 'b', 'c', '/', '.', '-', '1', '_', ' ', '\n', '\r', 'é', '\u2028', '😀', ']'), { maxLength: 8 })
  .map((parts) => parts.join(''));

test('the subset answers as re2js does', () => {
  let inside = 0;
  fc.assert(
    fc.property(
      fc.constantFrom('', '^'),
      pattern,
      fc.constantFrom('', '$'),
      fc.array(text, { minLength: 6, maxLength: 6 }),
      (start, middle, end, texts) => {
        const source = start + middle + end;
        const fast = compileSubset(source);
        if (fast === undefined) return;
        inside++;
        const slow = RE2JS.compile(source);
        for (const sample of texts)
          assert.equal(fast(sample), slow.matches(sample), `${JSON.stringify(source)} on ${JSON.stringify(sample)}`);
      },
    ),
    { numRuns: 1500 },
  );
  assert.ok(inside > 300, `only ${inside} patterns were inside`);
});

test('no text makes a pattern of the subset slow', () => {
  const long = 'a'.repeat(50_000);
  for (const [source, sample] of [
    ['.*foo.*', long],
    ['[^/]+/[^/]+/x', `${long}/${long}/y`],
    ['.*a?a?a?x', long],
  ] as const) {
    assert.equal(compileSubset(source)?.(sample), false);
  }
});

test('substitution follows RE2::GlobalReplace', async () => {
  await loadRe2();
  const cases: [pattern: string, substitution: string, text: string, want: string][] = [
    ['^/service/([^/]+)(/.*)$', '\\2/instance/\\1', '/service/foo/v1/api', '/v1/api/instance/foo'],
    ['one', 'two', '/xxx/one/yyy/one/zzz', '/xxx/two/yyy/two/zzz'],
    ['^(.*?)one(.*)$', '\\1two\\2', '/xxx/one/yyy/one/zzz', '/xxx/two/yyy/one/zzz'],
    ['(?i)/xxx/', '/yyy/', '/aaa/XxX/bbb', '/aaa/yyy/bbb'],
    ['a*', '-', 'baac', '-b-c-'],
    ['x', '\\\\\\0', 'axb', 'a\\xb'],
    ['nothing', 'y', 'abc', 'abc'],
    ['(a)|(b)', '[\\1\\2]', 'ab', '[a][b]'],
  ];
  for (const [source, substitution, sample, want] of cases) {
    assert.equal(compileRe2Substitution(source, substitution, 'p').replace(sample), want, source);
  }
});

test('what RE2 refuses is refused with the field', async () => {
  await loadRe2();
  for (const source of ['(', '(?=a)', 'a(?!b)', '(a)\\1', '[z-a]', '*']) {
    assert.throws(
      () => compileRe2(source, 'match.safe_regex.regex'),
      { name: 'ConfigError', message: /^match\.safe_regex\.regex: not a/ },
      source,
    );
  }
  assert.throws(() => compileRe2Substitution('(a)', '\\2', 'r'), /^ConfigError: r\.substitution: "\\2" is not a group/);
  assert.equal(compileRe2('(a|b)*', 'p').fullMatch('abba'), true);
});
