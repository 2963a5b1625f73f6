/** gRPC for browsers. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { h2Cluster, httpFilter, perFilter, to } from './framework/pieces.ts';
import { field, trailer } from './framework/wishes.ts';
import { compareTopic } from './framework/topic.ts';

const frame = (text: string): string => `\0\0\0\0${String.fromCharCode(text.length)}${text}`;
const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');
const GRPC = field('content-type: application/grpc');
const body = (text: string): string => `body=${encodeURIComponent(text)}`;
const answer = `${GRPC};${body(frame('answer'))};${trailer('grpc-status: 0')};${trailer('grpc-message: fine')}`;

const call = (name: string, type: string, text: string, wish: string, accept = '', path = '/x'): Case => {
  const fields = [`content-type: application/${type}`, 'x-grpc-web: 1', ...(accept === '' ? [] : [`accept: application/${accept}`])];
  return ask(name, path, { method: 'POST', fields, body: text, wish });
};

const WEB = 'grpc-web';
const TEXT = 'grpc-web-text';

const CASES: Case[] = [
  call('binary', WEB, frame('ask'), answer),
  call('binary with its encoding', 'grpc-web+proto', frame('ask'), answer),
  call('binary with parameters is another type', 'grpc-web; charset=utf-8', frame('ask'), answer),
  call('text', TEXT, base64(frame('ask')), answer, TEXT),
  call('text with its encoding', 'grpc-web-text+proto', base64(frame('ask')), answer, 'grpc-web-text+proto'),
  call('text of several frames', TEXT, base64(frame('a')) + base64(frame('bc')), answer, TEXT),
  call('text answered in binary', TEXT, base64(frame('ask')), answer),
  call('binary answered in text', WEB, frame('ask'), answer, TEXT),
  call(
    'several frames answered in text',
    WEB,
    frame('ask'),
    `${GRPC};${body(frame('a') + frame('bcd'))};${trailer('grpc-status: 0')}`,
    TEXT,
  ),
  call('a status in the head', WEB, frame('ask'), `${GRPC};body=;${field('grpc-status: 5')};${field('grpc-message: gone')}`),
  call('an answer of plain text', WEB, frame('ask'), `status=503;${field('content-type: text/plain')};${body('down 100%')}`),
  call(
    'an answer of plain text in text',
    TEXT,
    base64(frame('ask')),
    `status=404;${field('content-type: text/plain')};${body('none')}`,
    TEXT,
  ),
  call('an answer of html', WEB, frame('ask'), `${field('content-type: text/html')};${body('<p>')}`),
  call('an answer without a body', WEB, frame('ask'), 'status=500;body='),
  call('a dead cluster', WEB, frame('ask'), '', '', '/dead'),
  call('an empty cluster', TEXT, base64(frame('ask')), '', TEXT, '/empty'),
  call('a fault', WEB, frame('ask'), '', '', '/fault'),
  call('gRPC itself', 'grpc', frame('ask'), answer),
  call('JSON', 'json', '{}', body('{}')),
  ...['200', '304', '204', '404'].map((status) => call(`JSON without a body ${status}`, 'json', '{}', `status=${status};body=`)),
  ask('an encoding that is accepted', '/x', {
    method: 'POST',
    fields: ['content-type: application/grpc-web', 'grpc-accept-encoding: gzip'],
    body: frame('ask'),
    wish: answer,
  }),
];

const ROUTES: JsonObject[] = [
  to('/dead', { cluster: 'dead' }),
  to('/empty', { cluster: 'empty' }),
  to(
    '/fault',
    {},
    { typed_per_filter_config: perFilter('fault', 'fault.v3.HTTPFault', { abort: { http_status: 429, percentage: { numerator: 100 } } }) },
  ),
  to('/', { cluster: 'h2' }),
];

compareTopic({
  name: 'gRPC-Web',
  setup: ({ ports }) => ({
    filters: [httpFilter('grpc_web', 'grpc_web.v3.GrpcWeb'), httpFilter('fault', 'fault.v3.HTTPFault')],
    routes: ROUTES,
    clusters: [h2Cluster('h2', [ports.originH2])],
  }),
  cases: CASES,
});
