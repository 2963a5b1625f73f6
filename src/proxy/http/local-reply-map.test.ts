import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { LocalReplyConfigSchema } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { fakeInfo } from '../telemetry/testing/fake-stream.ts';
import { compileReplyMap, type MapReply } from './local-reply-map.ts';

function compile(config: JsonObject): MapReply {
  const map = compileReplyMap(fromJson(LocalReplyConfigSchema, config), 'lr', () => 0);
  if (map === undefined) throw new Error('no map');
  return map;
}

const status = (value: number): JsonObject => ({
  status_code_filter: { comparison: { op: 'EQ', value: { default_value: value, runtime_key: 'k' } } },
});

test('the first mapper that fits changes status, body, fields and format, as Envoy does', () => {
  const map = compile({
    mappers: [
      {
        filter: status(418),
        status_code: 419,
        body: { inline_string: 'mapped %RESPONSE_CODE%' },
        headers_to_add: [{ header: { key: 'x-m', value: '%RESPONSE_CODE%' } }],
        body_format_override: { text_format: '<%LOCAL_REPLY_BODY%> %RESPONSE_CODE%', content_type: 'text/html' },
      },
      { filter: status(418), body: { inline_string: 'never' } },
    ],
    body_format: { json_format: { b: '%LOCAL_REPLY_BODY%', c: '%RESPONSE_CODE%' } },
  });
  const info = fakeInfo();
  assert.deepEqual(map({ status: 418, body: 'tea', headers: [['a', '1']] }, info), {
    status: 419,
    body: '<mapped %RESPONSE_CODE%> 419',
    headers: [
      ['a', '1'],
      ['x-m', '418'],
      ['content-type', 'text/html'],
    ],
  });
  assert.equal(info.responseCode, 419);
  assert.deepEqual(map({ status: 404, flag: 'NR' }, info), {
    status: 404,
    flag: 'NR',
    body: '{"b":"","c":404}\n',
    headers: [['content-type', 'application/json']],
  });
  assert.equal(info.responseCode, 404);
});

test('without formats, bodies and their types stay', () => {
  const map = compile({ mappers: [{ filter: status(503), status_code: 502 }] });
  const reply = { status: 503, body: 'no', headers: [['content-type', 'x/y']] as const };
  assert.deepEqual(map(reply, fakeInfo()), { ...reply, status: 502 });
  assert.deepEqual(map({ status: 500, body: 'no' }, fakeInfo()), { status: 500, body: 'no' });
  assert.equal(
    compileReplyMap(undefined, 'lr', () => 0),
    undefined,
  );
});

test('what is wrong is named', () => {
  const cases: [config: JsonObject, message: RegExp][] = [
    [{ mappers: [{}] }, /^lr\.mappers\[0\]\.filter: is missing/],
    [{ mappers: [{ filter: status(500), status_code: 600 }] }, /^lr\.mappers\[0\]\.status_code: 600 is not in/],
    [
      { mappers: [{ filter: status(500), headers_to_add: [{ header: { key: ':path' } }] }] },
      /^lr\.mappers\[0\]\.headers_to_add\[0\]\.header\.key/,
    ],
    [{ body_format: { text_format: '%NOPE%' } }, /^lr\.body_format\.text_format/],
  ];
  for (const [config, message] of cases) assert.throws(() => compile(config), { name: 'ConfigError', message }, JSON.stringify(config));
});
