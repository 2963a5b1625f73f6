/**
 * Bytes that parsers have stumbled over, ours or others': what a fuzz test finds is kept in test/fixtures/parsers, one file a
 * find, and read again here, whole and cut anywhere. `UPDATE_GOLDEN=1` writes the outcomes.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { HeaderBlock } from './http/headers.ts';
import { createRequestDecoder } from './http1/decoder.ts';
import { HpackDecoder } from './http2/hpack-decoder.ts';
import { feed, record } from './http2/testing/frames.ts';
import { REQUEST } from './http2/field-collector.ts';
import { parseProxyHeader } from './proxy-protocol/header.ts';
import { parseClientHello } from './tls/client-hello.ts';

const FOLDER = path.join(import.meta.dirname, '../../test/fixtures/parsers');

interface Fixture {
  readonly why: string;
  /** A character a byte; `hex` where there is none. */
  readonly text?: string;
  readonly hex?: string;
  readonly outcome: readonly string[];
}

/** What becomes of bytes that come in these pieces. */
type Outcome = (pieces: readonly Uint8Array[]) => readonly string[];

function fieldsOf(headers: HeaderBlock | undefined): string {
  const fields: string[] = [];
  headers?.forEach((name, value) => fields.push(`${name}=${value}`));
  return fields.join('|');
}

const readHttp1: Outcome = (pieces) => {
  const log: string[] = [];
  let body = '';
  const decoder = createRequestDecoder({
    onHead: ({ method, path: target, headers }) => void log.push(`${method} ${target} ${fieldsOf(headers)}`),
    onBody: (view) => void (body += Buffer.from(view).toString('latin1')),
    onEnd(trailers) {
      log.push(`end ${JSON.stringify(body)} ${fieldsOf(trailers)}`.trimEnd());
      body = '';
    },
  });
  for (const piece of pieces) {
    let at = 0;
    while (at < piece.length && decoder.error === undefined) {
      at = decoder.feed(piece, at);
      decoder.next();
    }
  }
  if (decoder.error === undefined) decoder.end();
  return decoder.error === undefined ? log : [...log, `error ${decoder.error.status}`];
};

const readHttp2: Outcome = (pieces) => {
  const recorded = record('server');
  for (const piece of pieces) feed(recorded.connection, piece);
  return [...recorded.log, ...recorded.tape.frames().filter((line) => !line.startsWith('WINDOW_UPDATE'))];
};

const readHpack: Outcome = (pieces) => {
  const block = Buffer.concat(pieces);
  const head = new HpackDecoder({ maxHeadBytes: 300, maxHeaders: 8 }, 4096).decode(block, 0, block.length, REQUEST);
  if (head.compressionError !== undefined) return [`compression error: ${head.compressionError.message}`];
  return [head.malformed === undefined ? `${head.method} ${fieldsOf(head.headers)}`.trimEnd() : `malformed: ${head.malformed.message}`];
};

/** The first answer that is one, of as much as has come. */
function decided<Result extends { readonly kind: string }>(
  parse: (bytes: Uint8Array) => Result,
  show: (result: Result) => string,
): Outcome {
  return (pieces) => {
    for (let i = 1; i <= pieces.length; i++) {
      const result = parse(Buffer.concat(pieces.slice(0, i)));
      if (result.kind !== 'incomplete' || i === pieces.length) return [show(result)];
    }
    return ['nothing came'];
  };
}

const PARSERS: Readonly<Record<string, Outcome>> = {
  http1: readHttp1,
  chunked: readHttp1,
  http2: readHttp2,
  hpack: readHpack,
  'proxy-protocol': decided(parseProxyHeader, (result) => (result.kind === 'malformed' ? `malformed: ${result.reason}` : result.kind)),
  'client-hello': decided(parseClientHello, (result) => (result.kind === 'hello' ? `hello to "${result.hello.serverName}"` : result.kind)),
};

/** All that must not depend on how bytes are cut; what is wrong may be noticed, and named, earlier. */
const essence = (lines: readonly string[]): readonly string[] => lines.map((line) => line.replace(/^(error|malformed|fatal).*/, '$1'));

test('each parser has its folder', () => {
  assert.deepEqual(readdirSync(FOLDER).toSorted(), Object.keys(PARSERS).toSorted());
});

for (const [parser, read] of Object.entries(PARSERS)) {
  for (const name of readdirSync(path.join(FOLDER, parser))) {
    const file = path.join(FOLDER, parser, name);
    const fixture: Fixture = JSON.parse(readFileSync(file, 'utf8'));
    test(`${parser}: ${path.basename(name, '.json')}`, () => {
      const bytes = fixture.hex === undefined ? Buffer.from(fixture.text ?? '', 'latin1') : Buffer.from(fixture.hex, 'hex');
      const whole = read([bytes]);
      if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, `${JSON.stringify({ ...fixture, outcome: whole }, null, 2)}\n`);
      else assert.deepEqual(whole, fixture.outcome, fixture.why);
      const single = Array.from(bytes, (_, i) => bytes.subarray(i, i + 1));
      assert.deepEqual(essence(read(single)), essence(whole), 'byte by byte');
    });
  }
}
