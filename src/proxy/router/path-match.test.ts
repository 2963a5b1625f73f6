import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { literalStart } from './path-match.ts';

test('what an expression begins with', () => {
  const cases: [regex: string, want: string][] = [
    ['/api/v1/.*', '/api/v1/'],
    ['/a', '/a'],
    ['/ab?c', '/a'],
    ['/ab*', '/a'],
    ['/ab{0}', '/a'],
    ['/ab+', '/ab'],
    ['/a|/b', ''],
    ['/(a|b)', ''],
    ['(?i)/a', ''],
    ['^/a', ''],
    ['/a\\.b', '/a'],
    ['/\u{1f600}*', '/'],
    ['', ''],
  ];
  for (const [regex, want] of cases) assert.equal(literalStart(regex), want, regex);
});

test('whatever matches begins with it', () => {
  const piece = fc.constantFrom('a', 'b', '/', '.', 'a*', 'b?', '[ab]', '(a)', 'a{0,2}', '+', '^', '$', '|', '\\.');
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 6 }),
      fc.string({ unit: fc.constantFrom('a', 'b', '/', '.'), maxLength: 6 }),
      (pieces, text) => {
        const regex = pieces.join('');
        let pattern: RegExp;
        try {
          pattern = new RegExp(`^(?:${regex})$`);
        } catch {
          return;
        }
        if (pattern.test(text)) assert.ok(text.startsWith(literalStart(regex)), `${regex} matches ${text}`);
      },
    ),
    { numRuns: 2000 },
  );
});
