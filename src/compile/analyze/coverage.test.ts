/** A match that is said to cover another takes every request that the other takes. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import fc from 'fast-check';
import { loadRe2 } from '../../core/re2.ts';
import type { StringMatch } from '../../model/match.ts';
import { ANY_REQUEST, type HttpMatch } from '../../model/route.ts';
import { coversMatch, coversText, fullMatches, takesEverything } from './coverage.ts';

before(loadRe2);

const ORIGIN = { kind: 'VirtualService', namespace: 'a', name: 'a', file: 'a', line: 1, field: '' };
const NOTHING: HttpMatch = { ...ANY_REQUEST, origin: ORIGIN };

interface Request {
  readonly path: string;
  readonly method: string;
  readonly port: number;
  readonly headers: Readonly<Record<string, string>>;
}

function takesText(match: StringMatch, text: string | undefined, ignoresCase = false): boolean {
  if (text === undefined) return false;
  if (match.kind === 'present') return true;
  if (match.kind === 'regex') return fullMatches(match.value, text);
  const [value, own] = ignoresCase ? [match.value.toLowerCase(), text.toLowerCase()] : [match.value, text];
  if (match.kind === 'exact') return own === value;
  return match.kind === 'prefix' ? own.startsWith(value) : own.endsWith(value);
}

/** What a proxy does, in few words. */
function takes({ uri, ignoreUriCase, method, port, headers, withoutHeaders }: HttpMatch, request: Request): boolean {
  return (
    (uri === undefined || takesText(uri, request.path, ignoreUriCase)) &&
    (method === undefined || takesText(method, request.method)) &&
    (port === undefined || port === request.port) &&
    headers.every(([name, match]) => takesText(match, request.headers[name])) &&
    withoutHeaders.every(([name, match]) => !takesText(match, request.headers[name]))
  );
}

const PATHS = ['/', '/a', '/a/b', '/A', '/b'];
const WORDS = ['x', 'xy', 'y'];
const textMatch = (words: readonly string[], patterns: readonly string[]): fc.Arbitrary<StringMatch> =>
  fc.oneof(
    fc.record({ kind: fc.constantFrom('exact' as const, 'prefix' as const), value: fc.constantFrom(...words) }),
    fc.record({ kind: fc.constant('regex' as const), value: fc.constantFrom(...patterns) }),
  );
const pathMatch = textMatch(PATHS, ['.*', '/.*', '/a(/b)?', '/[ab]']).map((match) => (match.kind === 'suffix' ? undefined : match));
const named = fc.uniqueArray(
  fc.tuple(fc.constantFrom('h', 'i'), fc.oneof(textMatch(WORDS, ['.*', 'x.*', 'x|y']), fc.constant({ kind: 'present' as const }))),
  {
    maxLength: 2,
    selector: ([name]) => name,
  },
);
const match: fc.Arbitrary<HttpMatch> = fc
  .record({
    uri: fc.option(pathMatch, { nil: undefined }),
    ignoreUriCase: fc.boolean(),
    method: fc.option(textMatch(['GET', 'POST'], ['GET|POST']), { nil: undefined }),
    port: fc.option(fc.constantFrom(80, 81), { nil: undefined }),
    headers: named,
    withoutHeaders: named,
  })
  .map((own) => ({ ...NOTHING, ...own }));
const request: fc.Arbitrary<Request> = fc.record({
  path: fc.constantFrom(...PATHS),
  method: fc.constantFrom('GET', 'POST'),
  port: fc.constantFrom(80, 81),
  headers: fc.dictionary(fc.constantFrom('h', 'i'), fc.constantFrom(...WORDS), { maxKeys: 2 }),
});

test('what is covered is taken', () => {
  let covered = 0;
  fc.assert(
    fc.property(match, match, fc.array(request, { minLength: 20, maxLength: 20 }), (wide, narrow, requests) => {
      if (!coversMatch(wide, narrow)) return;
      covered++;
      for (const each of requests) if (takes(narrow, each)) assert.ok(takes(wide, each), JSON.stringify({ wide, narrow, each }));
    }),
    { numRuns: 3_000 },
  );
  assert.ok(covered > 20, `${covered} pairs were compared`);
});

test('a match covers itself, and one that takes everything covers all', () => {
  fc.assert(
    fc.property(match, (own) => {
      assert.ok(coversMatch(own, own));
      assert.ok(coversMatch(NOTHING, own));
    }),
  );
  assert.ok(takesEverything(NOTHING));
  assert.ok(takesEverything({ ...NOTHING, uri: { kind: 'prefix', value: '/' } }));
  assert.ok(!takesEverything({ ...NOTHING, port: 80 }));
});

test('an expression that nothing can judge covers nothing', () => {
  assert.equal(coversText({ kind: 'regex', value: '(' }, { kind: 'exact', value: '(' }), false);
});
