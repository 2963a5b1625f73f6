import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StreamInfo } from '../http/stream-info.ts';
import { compileFormat } from './format.ts';
import { fakeConnection, fakeInfo } from './testing/fake-stream.ts';

const ROUTE = { kind: 'VirtualService', namespace: 'shop', name: 'cart', file: 'routes.yaml', line: 8, field: 'spec' };
const DENY = 'ns[shop]-policy[no-cart]-rule[1]';
const CUSTOM = 'istio-ext-authz-opa-ns[shop]-policy[ask]-rule[0]';

const listenerMetadata = {
  tulle: {
    policies: { [CUSTOM]: { file: 'custom.yaml', line: 3 } },
    tokens: { 'origins-0': { namespace: 'shop', name: 'jwt', file: 'tokens.yaml', line: 5, field: 'spec' } },
  },
};

interface Case {
  readonly info: Partial<StreamInfo>;
  readonly want: string;
}

// only what the extraction reads of a route and a cluster
const route = { metadata: { tulle: ROUTE } } as unknown as NonNullable<StreamInfo['route']>;
const cluster = { metadata: { tulle: { ...ROUTE, kind: 'Service', line: 1 } } } as unknown as NonNullable<StreamInfo['cluster']>;

const CASES: Readonly<Record<string, Case>> = {
  'a route': { info: { route, cluster }, want: 'VirtualService shop/cart routes.yaml:8' },
  'a cluster of a route that nobody wrote': { info: { cluster }, want: 'Service shop/cart routes.yaml:1' },
  nothing: { info: {}, want: '-' },
  'a policy that denies': {
    info: { route, metadata: new Map([['tulle', { policy: DENY, file: 'policies.yaml', line: 12 }]]) },
    want: 'AuthorizationPolicy shop/no-cart policies.yaml:12',
  },
  'no policy that allows': {
    info: { route, metadata: new Map([['tulle', { policy: 'none' }]]) },
    want: 'no AuthorizationPolicy allows it',
  },
  'a policy of somebody else': {
    info: { metadata: new Map([['tulle', { policy: 'theirs' }]]) },
    want: 'policy theirs',
  },
  'a token': {
    info: { route, responseCodeDetails: 'jwt_authn_access_denied{Jwt_is_expired}' },
    want: 'RequestAuthentication shop/jwt tokens.yaml:5',
  },
  'an external authorizer': {
    info: { route, responseCodeDetails: 'ext_authz_denied' },
    want: 'AuthorizationPolicy shop/ask custom.yaml:3',
  },
};

for (const [name, { info, want }] of Object.entries(CASES)) {
  test(`what decided: ${name}`, () => {
    const write = compileFormat('%DYNAMIC_METADATA(tulle:decided_by)%', 'format');
    assert.equal(write(fakeInfo({ connection: fakeConnection({ listenerMetadata }), ...info })), want);
  });
}

test('its parts have names of their own, and listeners tell what else they say', () => {
  const write = compileFormat('%METADATA(DYNAMIC:tulle:file)% %DYNAMIC_METADATA(tulle:line)% %METADATA(LISTENER:own:a)%', 'format');
  const connection = fakeConnection({ listenerMetadata: { own: { a: 'said' } } });
  assert.equal(write(fakeInfo({ connection, route })), 'routes.yaml 8 said');
});
