import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ConfigError } from '../../core/errors.ts';
import { compileUriRewrite, compileUriTemplate } from './uri-template.ts';

/** What Envoy 1.40 matches of these. */
const PATHS =
  "/ /a /a/ /a/b /a/b/ /a/b/c /a/b/c/ /a/b/c/d /a/x/b /a/x/b/ /a/x/b/c /a.m3u8 /x/y.m3u8 /.m3u8 /a/b.js /a/x/b.js /1/2/3/4/5 /a//b /a%20b/c /a/~!$&'()+,;:@-._= /a/b|c /a/x*y".split(
    ' ',
  );

const MATCHES: readonly [template: string, want: readonly string[]][] = [
  ['/a/*', ['/a/b', '/a/b.js', "/a/~!$&'()+,;:@-._=", '/a/x*y']],
  ['/a/**', "/a/ /a/b /a/b/ /a/b/c /a/b/c/ /a/b/c/d /a/x/b /a/x/b/ /a/x/b/c /a/b.js /a/x/b.js /a//b /a/~!$&'()+,;:@-._= /a/x*y".split(' ')],
  ['/*', ['/a', '/a.m3u8', '/.m3u8']],
  ['/a/{x}/b', ['/a/x/b']],
  ['/a/{x=*}', ['/a/b', '/a/b.js', "/a/~!$&'()+,;:@-._=", '/a/x*y']],
  ['/a/{x=b/**}', ['/a/b/', '/a/b/c', '/a/b/c/', '/a/b/c/d']],
  ['/**/b', ['/a/b', '/a/x/b', '/a//b']],
  ['/**.m3u8', ['/a.m3u8', '/x/y.m3u8', '/.m3u8']],
  ['/a/*.js', ['/a/b.js']],
  ['/{a}/{b}/{c}/{d}/{e}', ['/1/2/3/4/5']],
  ['/', ['/']],
  ['/a/', ['/a/']],
  ['/a%20b/*', ['/a%20b/c']],
  ['/a/{x}/b/**', ['/a/x/b/', '/a/x/b/c']],
  ['/a/{x=**}.js', ['/a/b.js', '/a/x/b.js']],
  ['/a{x}', ['/a.m3u8']],
];

test('what URI templates match', () => {
  for (const [template, want] of MATCHES) {
    const { test: matches } = compileUriTemplate(template, 'p');
    assert.deepEqual(PATHS.filter(matches), want, template);
  }
});

test('templates that are refused', () => {
  const templates =
    'a/b /a//b /{} /{x /{1x} /{x=} /{x={y}} /a?b /{x}.{y} /{x}/{x} /**/{x} /**/* /{x=/a} /*| /{a}/{b}/{c}/{d}/{e}/{f} /{X-y} /{abcdefghijklmnopqrst} /{x=*.js} /é /a*b /*** '.split(
      ' ',
    );
  for (const template of templates) assert.throws(() => compileUriTemplate(template, 'p'), ConfigError, template);
});

test('rewrites put variables where they are named', () => {
  const cases: [template: string, rewrite: string, path: string, want: string][] = [
    ['/{x}/y', '/z/{x}', '/p/y', '/z/p'],
    ['/{x}/y/{z=**}', '/{z}/{x}.html', '/p/y/r/s', '/r/s/p.html'],
    ['/{x}/b', '/{x}{x}-a', '/a/b', '/aa-a'],
    ['/x/*', '/lit', '/x/y', '/lit'],
    ['/{x=a/*}/{y}', '/{y}/{x}', '/a/b/c', '/c/a/b'],
    ['/{x_}', '/{x_}/', '/a', '/a/'],
    ['/{x}/f', '/{x}/*', '/q/f', '/q/*'],
    ['/{x}', '/new', '/no/match', '/no/match'],
  ];
  for (const [template, rewrite, path, want] of cases)
    assert.equal(compileUriRewrite(rewrite, compileUriTemplate(template, 'p'), 'p')(path), want, `${template} ${rewrite}`);
  const template = compileUriTemplate('/{x}', 'p');
  for (const rewrite of ['/{y}', '{x}', '/a?b={x}', '/{x', '/a//{x}', '/{x}|'])
    assert.throws(() => compileUriRewrite(rewrite, template, 'p'), ConfigError, rewrite);
});

test('any text is a template or a ConfigError', () => {
  const piece = fc.constantFrom('/', '*', '**', '{x}', '{y=a/*}', '{z=**}', 'a', '.', '{', '}', '=', '?', '');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 10 }), fc.string(), (pieces, path) => {
      try {
        const template = compileUriTemplate(pieces.join(''), 'p');
        assert.equal(template.test(path), template.match(path) !== undefined);
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error));
      }
    }),
  );
});
