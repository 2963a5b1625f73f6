/** Compressing and decompressing bodies. */
import zlib from 'node:zlib';
import type { JsonObject } from '@bufbuild/protobuf';
import type { Case, Talk } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { httpFilter, perFilter, to, type } from './framework/pieces.ts';
import { field } from './framework/wishes.ts';
import { compareTopic } from './framework/topic.ts';

const library = (kind: string, direction: string, fields: JsonObject = {}): JsonObject => ({
  name: kind,
  typed_config: type(`envoy.extensions.compression.${kind.toLowerCase()}.${direction}.v3.${kind}`, fields),
});

const compressor = (kind: string, fields: JsonObject = {}): JsonObject => ({
  ...httpFilter('compressor', 'compressor.v3.Compressor', { compressor_library: library(kind, 'compressor'), ...fields }),
});

const decompressor = (kind: string, fields: JsonObject = {}): JsonObject =>
  httpFilter('decompressor', 'decompressor.v3.Decompressor', { decompressor_library: library(kind, 'decompressor'), ...fields });

const route = (path: string, fields: JsonObject): JsonObject =>
  to(path, {}, { typed_per_filter_config: perFilter('compressor', 'compressor.v3.CompressorPerRoute', fields) });

const ROUTES: JsonObject[] = [
  route('/off', { disabled: true }),
  route('/on', { overrides: { response_direction_config: {} } }),
  route('/removed', { overrides: { response_direction_config: { remove_accept_encoding_header: true } } }),
];

const DECODERS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: zlib.gunzipSync,
  br: zlib.brotliDecompressSync,
  zstd: zlib.zstdDecompressSync,
};

/** Bodies in clear: no two libraries make the same bytes. */
function inClear(talk: Talk): Talk {
  const answers = talk.answers.map((answer) => {
    const encoding =
      answer.fields
        .find((line) => /^content-encoding:/i.test(line))
        ?.split(':')[1]
        ?.trim() ?? '';
    const decode = DECODERS[encoding];
    return decode === undefined ? answer : { ...answer, body: decode(Buffer.from(answer.body, 'latin1')).toString('latin1') };
  });
  return { ...talk, answers };
}

const TEXT = 'size=300';
const html = field('content-type: text/html');

/** A request for a text of 300 bytes, with what is said of it. */
const get = (name: string, accept: string, wish = `${TEXT};${html}`, listener = 'main', path = '/x', method = 'GET'): Case => {
  const fields = accept === '' ? [] : [`accept-encoding: ${accept}`];
  const each = ask(name, path, { method, fields, wish }, { listener, isHead: method === 'HEAD' });
  return { ...each, talk: async (target) => inClear(await each.talk(target)) };
};

const CASES: Case[] = [
  get('nothing accepted', ''),
  get('gzip', 'gzip'),
  get('gzip in capitals', 'GZIP'),
  get('brotli', 'br'),
  get('zstd', 'zstd'),
  get('deflate', 'deflate'),
  get('both', 'gzip, br'),
  get('both by weight', 'gzip;q=0.9, br;q=0.5'),
  get('brotli by weight', 'gzip;q=0.1, br;q=0.5'),
  get('none by weight', 'gzip;q=0'),
  get('identity', 'identity'),
  get('identity before gzip', 'identity;q=1, gzip;q=0.5'),
  get('anything', '*'),
  get('anything but gzip', 'gzip;q=0, *'),
  get('a weight that is none', 'gzip;q=much'),
  get('a weight without value', 'gzip;q'),
  get('a weight with spaces', 'gzip ; q = 0.5'),
  get('a weight above one', 'gzip;q=7, br'),
  get('an empty list', ','),
  get('a short body', 'gzip', `size=29;${html}`),
  get('a body that is just long enough', 'gzip', `size=30;${html}`),
  get('a chunked body', 'gzip', `size=10;chunked=1;${html}`),
  get('an empty body', 'gzip', `body=;${html}`),
  get('no type', 'gzip', TEXT),
  get('a type with parameters', 'gzip', `${TEXT};${field('content-type: Text/HTML ; charset=utf-8')}`),
  get('another type', 'gzip', `${TEXT};${field('content-type: image/png')}`),
  get('an encoded body', 'gzip', `${TEXT};${html};${field('content-encoding: custom')}`),
  get('no transform', 'gzip', `${TEXT};${html};${field('cache-control: private, No-Transform')}`),
  get('another cache control', 'gzip', `${TEXT};${html};${field('cache-control: no-transformers')}`),
  get('a strong tag', 'gzip', `${TEXT};${html};${field('etag: "abc"')}`),
  get('a weak tag', 'gzip', `${TEXT};${html};${field('etag: W/"abc"')}`),
  get('a tag of two characters', 'gzip', `${TEXT};${html};${field('etag: ""')}`),
  get('a vary', 'gzip', `${TEXT};${html};${field('vary: Origin')}`),
  get('a vary that has it', 'gzip', `${TEXT};${html};${field('vary: Origin, accept-encoding')}`),
  get('a vary and nothing accepted', '', `${TEXT};${html};${field('vary: Origin')}`),
  get('no content', 'gzip', 'status=204'),
  get('not modified', 'gzip', `status=304;${field('etag: "abc"')}`),
  get('an error', 'gzip', `status=500;${TEXT};${html}`),
  get('head', 'gzip', `${TEXT};${html}`, 'main', '/x', 'HEAD'),
  get('a trailer', 'gzip', `${TEXT};${html};chunked=1;trailer=${encodeURIComponent('x-end: 1')}`),
  get('a large body', 'gzip', `size=300000;${html}`),
  get('route off', 'gzip', `${TEXT};${html}`, 'main', '/off'),
  get('route on', 'gzip', `${TEXT};${html}`, 'disabled', '/on'),
  get('route not on', 'gzip', `${TEXT};${html}`, 'disabled', '/x'),
  get('route that removes', 'gzip', `${TEXT};${html}`, 'main', '/removed'),
  get('removed', 'gzip', `${TEXT};${html}`, 'options'),
  get('a tag disables', 'gzip', `${TEXT};${html};${field('etag: "abc"')}`, 'options'),
  get('a status that is not compressed', 'gzip', `${TEXT};${html};status=206`, 'options'),
  get('a status that is not compressed, nothing accepted', '', `${TEXT};${html};status=206`, 'options'),
  get('a type of its own', 'gzip', `${TEXT};${field('content-type: text/own')}`, 'options'),
  get('not its type', 'gzip', `${TEXT};${html}`, 'options'),
  get('shorter than its length', 'gzip', `size=90;${field('content-type: text/own')}`, 'options'),
  get('weakened', 'gzip', `${TEXT};${html};${field('etag: "abc"')}`, 'weak'),
  get('weakened weak', 'gzip', `${TEXT};${html};${field('etag: w/"abc"')}`, 'weak'),
  get('weakened and nothing accepted', '', `${TEXT};${html};${field('etag: "abc"')}`, 'weak'),
  get('first chosen', 'gzip, br', `${TEXT};${html}`, 'chosen'),
  get('first chosen by weight', 'gzip, br;q=0.5', `${TEXT};${html}`, 'chosen'),
  get('advertised', '', `${TEXT};${html}`, 'decompressor'),
  get('advertised once', 'br, gzip;q=0.2', `${TEXT};${html}`, 'decompressor'),
  get('decompressed and compressed', 'br', `${TEXT};${html}`, 'both'),
];

compareTopic({
  name: 'compression',
  setup: () => ({
    // how long what was compressed is, is the library's business
    log: { sent: '-' },
    routes: ROUTES,
    filters: [compressor('Gzip'), compressor('Brotli')],
    listeners: {
      main: {},
      disabled: {
        filters: [
          compressor('Gzip', { response_direction_config: { common_config: { enabled: { default_value: false, runtime_key: 'x' } } } }),
        ],
      },
      options: {
        filters: [
          compressor('Gzip', {
            response_direction_config: {
              common_config: { min_content_length: 100, content_type: ['text/own'] },
              disable_on_etag_header: true,
              remove_accept_encoding_header: true,
              uncompressible_response_codes: [206],
            },
          }),
        ],
      },
      weak: {
        filters: [compressor('Gzip', { response_direction_config: { weaken_etag_on_compress: true, disable_on_etag_header: true } })],
      },
      chosen: { filters: [compressor('Gzip'), compressor('Brotli', { choose_first: true })] },
      decompressor: { filters: [decompressor('Gzip')] },
      both: { filters: [compressor('Brotli'), decompressor('Gzip')] },
    },
  }),
  cases: CASES,
});
