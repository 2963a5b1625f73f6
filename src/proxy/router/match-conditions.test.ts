import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import { fakeConnection, fakeInfo, fakeTls } from '../telemetry/testing/fake-stream.ts';
import type { MatchInfo } from './route.ts';
import { type Given, headOf, tableOf } from './testing/routes.ts';

function tableFor(match: JsonObject) {
  const isPathless = !('connect_matcher' in match || 'path_match_policy' in match);
  return tableOf({
    virtual_hosts: [
      {
        name: 'v',
        domains: ['*'],
        routes: [{ match: { ...(isPathless && { prefix: '/' }), ...match }, direct_response: { status: 200 } }],
      },
    ],
  });
}

function matches(match: JsonObject, given: Given, info: Partial<MatchInfo> = {}): boolean {
  return tableFor(match).match(headOf(given), 0, fakeInfo(info)) !== undefined;
}

const cookie = (value: string): Given => ({ headers: { cookie: value } });

test('cookies', () => {
  const exact = { cookies: [{ name: 'a', string_match: { exact: '1' } }] };
  const inverted = { cookies: [{ name: 'a', string_match: { exact: '1' }, invert_match: true }] };
  for (const value of ['a=1', 'a="1"', 'x=y; a=1', 'a=1; a=2', ' a = 1 ']) {
    assert.equal(matches(exact, cookie(value)), true, value);
    assert.equal(matches(inverted, cookie(value)), false, value);
  }
  for (const value of ['a=2; a=1', 'b=1', 'a', 'aa=1', '']) {
    assert.equal(matches(exact, cookie(value)), false, value);
    assert.equal(matches(inverted, cookie(value)), true, value);
  }
  assert.equal(matches(exact, { headers: { cookie: ['x=1', 'a=1'] } }), true);
});

test('what filters left, and the connection', () => {
  const tls = (options: JsonObject): JsonObject => ({ tls_context: options });
  const state = { filter_state: [{ key: 'k', string_match: { prefix: 'a' } }] };
  const metadata = { dynamic_metadata: [{ filter: 'f', path: [{ key: 'x' }], value: { string_match: { exact: 'y' } } }] };
  const withCertificate = { connection: fakeConnection({ tls: fakeTls('spiffe://a') }) };
  const withoutCertificate = { connection: fakeConnection({ tls: fakeTls('', { uriSans: [], fingerprint: '' }) }) };
  const cases: [match: JsonObject, info: Partial<MatchInfo>, want: boolean][] = [
    [tls({}), {}, true],
    [tls({ presented: true }), {}, false],
    [tls({ presented: true }), withoutCertificate, false],
    [tls({ presented: true, validated: true }), withCertificate, true],
    [tls({ presented: false }), withoutCertificate, true],
    [tls({ presented: false }), withCertificate, false],
    [tls({ validated: false }), withCertificate, false],
    [tls({ validated: false }), {}, true],
    [state, { filterState: new Map([['k', 'abc']]) }, true],
    [state, { filterState: new Map([['k', 'b']]) }, false],
    [state, {}, false],
    [metadata, { metadata: new Map([['f', { x: 'y' }]]) }, true],
    [metadata, { metadata: new Map([['f', { x: 'z' }]]) }, false],
    [metadata, {}, false],
  ];
  for (const [match, info, want] of cases) assert.equal(matches(match, {}, info), want, JSON.stringify([match, Object.keys(info)]));
});

test('CONNECT and URI templates take the place of the path', () => {
  const connect = { connect_matcher: {} };
  assert.equal(matches(connect, { method: 'CONNECT', path: '', authority: 'a:1' }), true);
  assert.equal(matches(connect, { method: 'GET' }), false);
  const template = {
    path_match_policy: {
      name: 'x',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig',
        path_template: '/a/{x}',
      },
    },
  };
  assert.equal(matches(template, { path: '/a/b?c/d' }), true);
  assert.equal(matches(template, { path: '/a/b/c' }), false);
});

test('conditions that say nothing are refused', () => {
  const cases: [match: JsonObject, message: RegExp][] = [
    [{ cookies: [{ string_match: { exact: '' } }] }, /match\.cookies\[0\]\.name: is empty/],
    [{ cookies: [{ name: 'a' }] }, /match\.cookies\[0\]\.string_match: is missing/],
    [{ filter_state: [{ string_match: { exact: 'a' } }] }, /match\.filter_state\[0\]\.key: is empty/],
    [{ filter_state: [{ key: 'a' }] }, /match\.filter_state\[0\]\.string_match: is missing/],
    [{ dynamic_metadata: [{ filter: 'f' }] }, /match\.dynamic_metadata\[0\]\.value: is missing/],
  ];
  for (const [match, message] of cases) {
    assert.throws(
      () => tableFor(match),
      (error) => error instanceof ConfigError && message.test(error.message),
      JSON.stringify(match),
    );
  }
});
