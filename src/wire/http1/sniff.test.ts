import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sniffHttp } from './sniff.ts';

const cases: readonly [text: string, want: ReturnType<typeof sniffHttp>][] = [
  ['', 'incomplete'],
  ['G', 'incomplete'],
  ['GET /a', 'incomplete'],
  ['GET /a HTTP/1.1\r', 'incomplete'],
  ['GET /a HTTP/1.1\r\n', 'http/1.1'],
  ['GET /a HTTP/1.1\r\nhost: x\r\n\r\n', 'http/1.1'],
  ['POST http://a/b HTTP/1.0\n', 'http/1.0'],
  ['PURGE-IT * HTTP/1.1\r\n', 'http/1.1'],
  ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'h2c'],
  ['PRI * HTTP/2.0\r\n', 'incomplete'],
  ['PRI * HTTP/2.0\r\n\r\nXX', 'not-http'],
  ['GET /a HTTP/3', 'not-http'],
  ['GET /a b c', 'not-http'],
  ['GET  /', 'not-http'],
  ['\x16\x03\x01', 'not-http'],
  ['EHLO mail\r\n', 'not-http'],
  ['SELECT 1;\n', 'not-http'],
  ['A'.repeat(40), 'not-http'],
];

for (const [text, want] of cases) {
  test(`sniffHttp(${JSON.stringify(text.slice(0, 40))}) is ${want}`, () => {
    assert.equal(sniffHttp(Buffer.from(text, 'latin1')), want);
  });
}

test('sniffHttp() stops waiting for a line that does not end', () => {
  assert.equal(sniffHttp(Buffer.from(`GET /${'a'.repeat(9000)}`)), 'not-http');
});

test('sniffHttp() says incomplete for every beginning of a request line', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Z]{1,10}$/), fc.stringMatching(/^\/[!-~]{0,40}$/), fc.nat(60), (method, target, cut) => {
      const line = `${method} ${target} HTTP/1.1\r\n`;
      const text = line.slice(0, Math.min(cut, line.length - 1));
      assert.equal(sniffHttp(Buffer.from(text)), 'incomplete');
      assert.equal(sniffHttp(Buffer.from(line)), 'http/1.1');
    }),
  );
});
