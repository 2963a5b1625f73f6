import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fuzzRuns } from '../../core/testing/fuzz-runs.ts';
import type { HeaderBlock } from '../http/headers.ts';
import { createRequestDecoder, createResponseDecoder, DEFAULT_REQUEST_OPTIONS, type MessageHandler } from './decoder.ts';
import type { Http1Request, Http1Response } from './head.ts';

type Side = 'request' | 'response' | 'response to HEAD';

function describeRequest(head: Http1Request): string {
  const body = head.isChunked ? 'chunked' : String(head.contentLength);
  const marks = `${head.isPersistent ? '' : ' close'}${head.upgrade === '' ? '' : ` upgrade=${head.upgrade}`}${head.expectsContinue ? ' expect' : ''}`;
  return `${head.method} ${head.scheme === '' ? '' : `${head.scheme}://`}${head.authority}${head.path} ${body}${marks}`;
}

function describeResponse(head: Http1Response): string {
  const body = head.isUntilClose ? 'until close' : head.isChunked ? 'chunked' : String(head.contentLength);
  return `${head.status} ${body}${head.isPersistent ? '' : ' close'}${head.upgrade === '' ? '' : ` upgrade=${head.upgrade}`}`;
}

function fieldsOf(headers: HeaderBlock | undefined): string {
  const fields: string[] = [];
  headers?.forEach((name, value) => fields.push(`${name}=${value}`));
  return fields.join('|');
}

/** Feeds pieces and gives what was heard: heads, fields, bodies (joined), ends, and the error's status. */
function listen(side: Side, pieces: readonly Uint8Array[], isEnded: boolean): string[] {
  const log: string[] = [];
  let body = '';
  const handlerOf = <Head extends { headers: HeaderBlock }>(describe: (head: Head) => string): MessageHandler<Head> => ({
    onHead(head) {
      log.push(describe(head));
      const fields = fieldsOf(head.headers);
      if (fields !== '') log.push(`  ${fields}`);
    },
    onBody(view) {
      body += Buffer.from(view).toString('latin1');
    },
    onEnd(trailers) {
      log.push(`end ${JSON.stringify(body)}${trailers === undefined ? '' : ` ${fieldsOf(trailers)}`}`);
      body = '';
    },
  });
  const decoder =
    side === 'request'
      ? createRequestDecoder(handlerOf(describeRequest))
      : createResponseDecoder(handlerOf(describeResponse), () => side === 'response to HEAD');
  for (const piece of pieces) {
    let at = 0;
    while (at < piece.length && decoder.error === undefined) {
      at = decoder.feed(piece, at);
      decoder.next();
    }
  }
  if (isEnded && decoder.error === undefined) decoder.end();
  if (decoder.error !== undefined) log.push(`error ${decoder.error.status}`);
  return log;
}

interface Case {
  readonly name: string;
  readonly side?: Side;
  readonly bytes: string;
  readonly want: readonly string[];
  readonly isEnded?: boolean;
}

const GET = 'GET / HTTP/1.1\r\nhost: a\r\n';
const POST = 'POST / HTTP/1.1\r\nhost: a\r\n';
const refused = (name: string, bytes: string, status = 400): Case => ({ name, bytes, want: [`error ${status}`] });

const CASES: readonly Case[] = [
  { name: 'plain GET', bytes: `${GET}\r\n`, want: ['GET a/ 0', 'end ""'] },
  {
    name: 'fields keep order, case-insensitive names, blanks around values',
    bytes: 'GET /p?q=1 HTTP/1.1\r\nHost: a.b:80\r\nX-One: \t 1 \t\r\nx-two:2\r\nX-ONE: 3\r\n\r\n',
    want: ['GET a.b:80/p?q=1 0', '  x-one=1|x-two=2|x-one=3', 'end ""'],
  },
  { name: 'empty value', bytes: `${GET}a:\r\n\r\n`, want: ['GET a/ 0', '  a=', 'end ""'] },
  { name: 'obs-text in a value', bytes: `${GET}a: \xe9\xa0\r\n\r\n`, want: ['GET a/ 0', '  a=\xe9\xa0', 'end ""'] },
  { name: 'one empty line before', bytes: `\r\n${GET}\r\n`, want: ['GET a/ 0', 'end ""'] },
  {
    name: 'pipelining',
    bytes: `${GET}\r\n${POST}content-length: 3\r\n\r\nabc${GET}\r\n`,
    want: ['GET a/ 0', 'end ""', 'POST a/ 3', '  content-length=3', 'end "abc"', 'GET a/ 0', 'end ""'],
  },
  {
    name: 'chunked with extension and trailers',
    bytes: `${POST}transfer-encoding: chunked\r\n\r\n3;a="b c"\r\nabc\r\n0A\r\n0123456789\r\n0\r\nx-sum: 1\r\n\r\n`,
    want: ['POST a/ chunked', 'end "abc0123456789" x-sum=1'],
  },
  {
    name: 'hop-by-hop fields leave',
    bytes: `${GET}connection: close, x-hop\r\nx-hop: 1\r\nkeep-alive: 3\r\nb: 2\r\n\r\n`,
    want: ['GET a/ 0 close', '  b=2', 'end ""'],
  },
  {
    name: 'authorization cannot be nominated',
    bytes: `${GET}connection: authorization\r\nauthorization: x\r\n\r\n`,
    want: ['GET a/ 0', '  authorization=x', 'end ""'],
  },
  { name: 'te keeps trailers only', bytes: `${GET}te: gzip, trailers\r\n\r\n`, want: ['GET a/ 0', '  te=trailers', 'end ""'] },
  {
    name: 'expect',
    bytes: `${POST}expect: 100-continue\r\ncontent-length: 1\r\n\r\nx`,
    want: ['POST a/ 1 expect', '  content-length=1', 'end "x"'],
  },
  { name: 'upgrade', bytes: `${GET}connection: Upgrade\r\nupgrade: WebSocket\r\n\r\n`, want: ['GET a/ 0 upgrade=websocket', 'end ""'] },
  { name: 'upgrade without connection is none', bytes: `${GET}upgrade: websocket\r\n\r\n`, want: ['GET a/ 0', 'end ""'] },
  { name: 'absolute form', bytes: 'GET http://b:8/x HTTP/1.1\r\nhost: a\r\n\r\n', want: ['GET http://b:8/x 0', 'end ""'] },
  { name: 'absolute form without path', bytes: 'GET http://b?x HTTP/1.1\r\nhost: a\r\n\r\n', want: ['GET http://b/?x 0', 'end ""'] },
  { name: 'connect', bytes: 'CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n', want: ['CONNECT a:443 0', 'end ""'] },
  { name: 'options *', bytes: 'OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n', want: ['OPTIONS a* 0', 'end ""'] },
  { name: 'HTTP/1.0 closes', bytes: 'GET / HTTP/1.0\r\n\r\n', want: ['GET / 0 close', 'end ""'] },
  { name: 'HTTP/1.0 keep-alive', bytes: 'GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n', want: ['GET / 0', 'end ""'] },

  refused('content-length with transfer-encoding', `${POST}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`),
  refused('transfer-encoding with content-length', `${POST}transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n`),
  refused('two content-lengths, the same', `${POST}content-length: 3\r\ncontent-length: 3\r\n\r\nabc`),
  refused('content-length list', `${POST}content-length: 3, 3\r\n\r\nabc`),
  refused('content-length +3', `${POST}content-length: +3\r\n\r\nabc`),
  refused('content-length -1', `${POST}content-length: -1\r\n\r\n`),
  refused('content-length hexadecimal', `${POST}content-length: 0x3\r\n\r\nabc`),
  refused('content-length empty', `${POST}content-length:\r\n\r\n`),
  refused('content-length with a no-break space', `${POST}content-length: \xa03\r\n\r\nabc`),
  refused('content-length too long', `${POST}content-length: 9999999999999999\r\n\r\n`),
  refused('unknown transfer coding', `${POST}transfer-encoding: gzip, chunked\r\n\r\n`, 501),
  refused('transfer coding twice', `${POST}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n`, 501),
  refused('transfer coding with vertical tab', `${POST}transfer-encoding: \x0bchunked\r\n\r\n`),
  refused('transfer coding in 1.0', 'POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'),
  refused('space before colon', `${GET}x : 1\r\n\r\n`),
  refused('obs-fold', `${GET}x: 1\r\n 2\r\n\r\n`),
  refused('blank before the first field', 'GET / HTTP/1.1\r\n host: a\r\n\r\n'),
  refused('bare LF after a field', `${GET}x: 1\n\r\n`),
  refused('bare LF everywhere', 'GET / HTTP/1.1\nhost: a\n\n'),
  refused('bare CR in a value', `${GET}x: 1\r2\r\n\r\n`),
  refused('NUL in a value', `${GET}x: \0\r\n\r\n`),
  refused('DEL in a value', `${GET}x: \x7f\r\n\r\n`),
  refused('control character in a name', `${GET}x\x01: 1\r\n\r\n`),
  refused('no name', `${GET}: 1\r\n\r\n`),
  refused('no colon', `${GET}x\r\n\r\n`),
  refused('no host', 'GET / HTTP/1.1\r\n\r\n'),
  refused('empty host', 'GET / HTTP/1.1\r\nhost:\r\n\r\n'),
  refused('two hosts', `${GET}host: a\r\n\r\n`),
  refused('host with a path', 'GET / HTTP/1.1\r\nhost: a/b\r\n\r\n'),
  refused('host with user information', 'GET / HTTP/1.1\r\nhost: u@a\r\n\r\n'),
  refused('unknown method', 'GETT / HTTP/1.1\r\nhost: a\r\n\r\n'),
  refused('method in lower case', 'get / HTTP/1.1\r\nhost: a\r\n\r\n'),
  refused('two spaces', 'GET  / HTTP/1.1\r\nhost: a\r\n\r\n'),
  refused('tab instead of space', 'GET\t/ HTTP/1.1\r\nhost: a\r\n\r\n'),
  refused('target without slash', 'GET x HTTP/1.1\r\nhost: a\r\n\r\n'),
  refused('target with fragment', 'GET /#x HTTP/1.1\r\nhost: a\r\n\r\n'),
  refused('target with a byte above 0x7f', 'GET /\xe9 HTTP/1.1\r\nhost: a\r\n\r\n'),
  refused('connect to a path', 'CONNECT / HTTP/1.1\r\nhost: a\r\n\r\n'),
  refused('GET *', 'GET * HTTP/1.1\r\nhost: a\r\n\r\n'),
  refused('other scheme', 'GET ftp://a/ HTTP/1.1\r\nhost: a\r\n\r\n'),
  refused('HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 426),
  refused('version 1.2', 'GET / HTTP/1.2\r\nhost: a\r\n\r\n', 426),
  refused('not HTTP', 'GET / FTP/1.1\r\nhost: a\r\n\r\n'),
  refused('text after the version', 'GET / HTTP/1.1 x\r\nhost: a\r\n\r\n'),
  refused('unknown expectation', `${GET}expect: money\r\n\r\n`, 417),
  refused('long target', `GET /${'x'.repeat(70_000)}`, 431),
  refused('long head', `${GET}x: ${'x'.repeat(70_000)}`, 431),
  refused('many headers', `${GET}${'x: 1\r\n'.repeat(101)}\r\n`, 431),
  ...[
    ['chunk size is no number', 'x\r\n'],
    ['empty chunk size', '\r\n'],
    ['chunk size with 0x', '0x3\r\nabc\r\n0\r\n\r\n'],
    ['negative chunk size', '-3\r\nabc\r\n0\r\n\r\n'],
    ['blank after chunk size', '3 \r\nabc\r\n0\r\n\r\n'],
    ['chunk size too long', '0000000000003\r\nabc\r\n0\r\n\r\n'],
    ['bare LF after chunk size', '3\nabc\r\n0\r\n\r\n'],
    ['bare LF in an extension', '3;a\nabc\r\n0\r\n\r\n'],
    ['chunk longer than it says', '3\r\nabcd\r\n0\r\n\r\n'],
    ['endless extension', `3;${'x'.repeat(20_000)}`],
    ['framing in trailers', '0\r\ncontent-length: 3\r\n\r\n'],
    ['folded trailers', '0\r\nx: 1\r\n 2\r\n\r\n'],
    ['trailers too large', `0\r\nx: ${'x'.repeat(70_000)}\r\n\r\n`],
  ].map(([name = '', bytes = '']): Case => ({
    name,
    bytes: `${POST}transfer-encoding: chunked\r\n\r\n${bytes}`,
    want: ['POST a/ chunked', 'error 400'],
  })),
  { name: 'end inside a head', bytes: GET, isEnded: true, want: ['error 400'] },
  {
    name: 'end inside a body',
    bytes: `${POST}content-length: 3\r\n\r\nab`,
    isEnded: true,
    want: ['POST a/ 3', '  content-length=3', 'error 400'],
  },

  {
    name: 'response',
    side: 'response',
    bytes: 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi',
    want: ['200 2', '  content-length=2', 'end "hi"'],
  },
  { name: 'no reason, no space', side: 'response', bytes: 'HTTP/1.1 204\r\n\r\n', want: ['204 0', 'end ""'] },
  {
    name: 'informational, then final',
    side: 'response',
    bytes: 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
    want: ['100 0', 'end ""', '200 0', '  content-length=0', 'end ""'],
  },
  {
    name: '304 has no body',
    side: 'response',
    bytes: 'HTTP/1.1 304 x\r\ncontent-length: 9\r\n\r\n',
    want: ['304 0', '  content-length=9', 'end ""'],
  },
  {
    name: 'answer to HEAD',
    side: 'response to HEAD',
    bytes: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n',
    want: ['200 0', 'end ""'],
  },
  {
    name: 'until close',
    side: 'response',
    bytes: 'HTTP/1.1 200 OK\r\n\r\nabc',
    isEnded: true,
    want: ['200 until close close', 'end "abc"'],
  },
  {
    name: 'truncated',
    side: 'response',
    bytes: 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc',
    isEnded: true,
    want: ['200 5', '  content-length=5', 'error 400'],
  },
  {
    name: 'HTTP/1.0 response',
    side: 'response',
    bytes: 'HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n',
    want: ['200 0 close', '  content-length=0', 'end ""'],
  },
  {
    name: 'response with both framings',
    side: 'response',
    bytes: 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n',
    want: ['error 400'],
  },
  { name: 'bad status', side: 'response', bytes: 'HTTP/1.1 20 OK\r\n\r\n', want: ['error 502'] },
  { name: 'status line of another protocol', side: 'response', bytes: 'SSH-2.0-OpenSSH_9.2p1\r\n\r\n', want: ['error 502'] },
];

function split(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, i) => Buffer.from(bytes.subarray(at[i], end)));
}

const SHORT = 400;

for (const { name, side = 'request', bytes, want, isEnded = false } of CASES) {
  test(`${side}: ${name}`, () => {
    const input = Buffer.from(bytes, 'latin1');
    assert.deepEqual(listen(side, [input], isEnded), want, 'whole');
    const each = Array.from(input, (_, i) => input.subarray(i, i + 1));
    assert.deepEqual(listen(side, each, isEnded), want, 'byte by byte');
    const runs = input.length > SHORT ? 3 : 30;
    fc.assert(
      fc.property(fc.array(fc.nat(input.length), { maxLength: 6 }), (cuts) => {
        assert.deepEqual(listen(side, split(input, cuts), isEnded), want);
      }),
      { numRuns: runs },
    );
  });
}

const FRAGMENTS = [
  GET,
  POST,
  '\r\n',
  '\n',
  '\r',
  ' ',
  ':',
  '0',
  '3',
  'abc',
  ';',
  'content-length: 3',
  'transfer-encoding: chunked',
  'HTTP/1.1 200 OK',
  'x: y',
  '\0',
  '\xff',
];
const soup = fc
  .array(fc.oneof(fc.constantFrom(...FRAGMENTS), fc.string({ maxLength: 8 })), { maxLength: 30 })
  .map((parts) => Buffer.from(parts.join(''), 'latin1'));

test('whatever comes, a decoder neither throws nor hangs, and splits change nothing', () => {
  for (const side of ['request', 'response', 'response to HEAD'] as const) {
    fc.assert(
      fc.property(soup, fc.array(fc.nat(200), { maxLength: 4 }), (input, cuts) => {
        const whole = listen(side, [input], true);
        const parts = listen(
          side,
          split(
            input,
            cuts.map((cut) => Math.min(cut, input.length)),
          ),
          true,
        );
        const isError = (line: string): boolean => line.startsWith('error');
        assert.deepEqual(
          parts.filter((line) => !isError(line)),
          whole.filter((line) => !isError(line)),
        );
        assert.equal(parts.some(isError), whole.some(isError));
      }),
      { numRuns: fuzzRuns(1500) },
    );
  }
});

const WHOLE: readonly (readonly [side: Side, bytes: string])[] = [
  [
    'request',
    'POST /a?b=c HTTP/1.1\r\nHost: h:1\r\nX-Y:  z \r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0a\r\n0123456789\r\n0\r\nT: v\r\n\r\n',
  ],
  ['request', 'PUT http://h/ HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: close, x\r\nX: 1\r\n\r\nhello'],
  ['request', 'GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET / HTTP/1.1\r\nHost: i\r\n\r\n'],
  ['response', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 204 No Content\r\n\r\n'],
  ['response', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n1\r\na\r\n0\r\nT: v\r\n\r\nHTTP/1.0 404 x\r\n\r\nrest'],
];

/** Changes that leave most of a message as it was: a byte is replaced, put in or taken out. */
const edit = fc.record({
  at: fc.nat(250),
  remove: fc.constantFrom(0, 1),
  insert: fc.oneof(fc.constantFrom('\r', '\n', '\r\n', ' ', ':', ';', '0', 'f', ',', '\0', ''), fc.string({ maxLength: 2 })),
});

test('a message that was changed a little reads the same whole and byte by byte', () => {
  const property = fc.property(fc.constantFrom(...WHOLE), fc.array(edit, { minLength: 1, maxLength: 3 }), ([side, message], edits) => {
    let text = message;
    for (const { at, remove, insert } of edits) text = text.slice(0, at) + insert + text.slice(at + remove);
    const input = Buffer.from(text, 'latin1');
    const each = Array.from(input, (_, i) => input.subarray(i, i + 1));
    // What is wrong with a line may show before the whole of it is there; that it is wrong does not depend on it.
    const heard = (pieces: readonly Uint8Array[]): string[] => listen(side, pieces, true).map((line) => line.replace(/^error .*/, 'error'));
    assert.deepEqual(heard(each), heard([input]));
  });
  fc.assert(property, { numRuns: fuzzRuns(2000) });
});

test('HTTP/1.0 gets the default host, custom methods pass where allowed', () => {
  const seen: string[] = [];
  const handler: MessageHandler<Http1Request> = {
    onHead: (head) => seen.push(`${head.method} ${head.authority}`),
    onBody() {},
    onEnd() {},
  };
  const decoder = createRequestDecoder(handler, { ...DEFAULT_REQUEST_OPTIONS, allowsCustomMethods: true, defaultHost: 'd' });
  decoder.feed(Buffer.from('BREW / HTTP/1.0\r\n\r\n'));
  assert.deepEqual(seen, ['BREW d']);
});

test('after hand-over the bytes behind the head are left to the caller', () => {
  const decoder = createRequestDecoder({ onHead: () => decoder.handOver(), onBody: () => assert.fail(), onEnd: () => assert.fail() });
  const bytes = Buffer.from(`${GET}connection: upgrade\r\nupgrade: websocket\r\n\r\nraw`);
  assert.equal(bytes.subarray(decoder.feed(bytes)).toString(), 'raw');
});
