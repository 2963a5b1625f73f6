import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import { fakeConnection, fakeInfo, fakeResponse, fakeStream } from '../telemetry/testing/fake-stream.ts';
import { forwardOf, headOf, tableOf } from './testing/routes.ts';

const any = (type: string, more: JsonObject = {}): JsonObject => ({ '@type': `type.googleapis.com/${type}`, ...more });

test('settings of a forwarding route', () => {
  const plain = forwardOf({});
  assert.deepEqual(
    [plain.priority, plain.hedge, plain.flushTimeoutMs, plain.rewritesHostToEndpoint, plain.internalRedirect, plain.terminatesConnect],
    ['default', undefined, undefined, false, undefined, undefined],
  );
  const full = forwardOf({
    priority: 'HIGH',
    flush_timeout: '2s',
    auto_host_rewrite: true,
    append_x_forwarded_host: true,
    max_stream_duration: { grpc_timeout_header_max: '1s' },
    timeout: '3s',
    upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: { allow_post: true } }],
  });
  assert.deepEqual(
    [full.priority, full.flushTimeoutMs, full.rewritesHostToEndpoint, full.appendsForwardedHost, full.rewrite, full.timeoutMs],
    ['high', 2000, true, true, undefined, 0],
  );
  assert.equal(full.timeouts.grpcMaxMs, 1000);
  assert.deepEqual(full.terminatesConnect, { allowsPost: true, preface: undefined });
});

test('a hedge policy of the virtual host holds unless the route has its own', () => {
  const host = { hedge_policy: { hedge_on_per_try_timeout: true } };
  assert.deepEqual(forwardOf({}, host).hedge, { onPerTryTimeout: true });
  assert.equal(forwardOf({ hedge_policy: {} }, host).hedge, undefined);
  assert.throws(() => forwardOf({ hedge_policy: { initial_requests: 2 } }), /hedge_policy\.initial_requests: only 1/);
  assert.throws(
    () => forwardOf({ hedge_policy: { additional_request_chance: { numerator: 1 } } }),
    /hedge_policy\.additional_request_chance: only 0/,
  );
});

test('mirrors by name and by header', () => {
  const { mirrors } = forwardOf({
    request_mirror_policies: [
      { cluster: 'm', disable_shadow_host_suffix_append: true, host_rewrite_literal: 'h' },
      { cluster_header: 'X-M', runtime_fraction: { default_value: { numerator: 25 } } },
    ],
  });
  const names = (headers: Record<string, string>): unknown => mirrors.map(({ cluster }) => cluster(headOf({ headers })));
  assert.deepEqual(names({ 'x-m': 'n' }), ['m', 'n']);
  assert.deepEqual(names({}), ['m', '']);
  assert.deepEqual(
    mirrors.map(({ marksHost, host, fraction }) => [marksHost, host, fraction.value]),
    [
      [false, 'h', 1],
      [true, '', 0.25],
    ],
  );
  assert.throws(() => forwardOf({ request_mirror_policies: [{}] }), /request_mirror_policies\[0\]: needs one of/);
});

test('weighted clusters by number of a header, with their own names and hosts', () => {
  const { cluster } = forwardOf({
    weighted_clusters: {
      header_name: 'X-Rand',
      clusters: [
        { name: 'a', weight: 30, host_rewrite_literal: 'lit' },
        { cluster_header: 'X-Cl', weight: 70 },
      ],
    },
  });
  const choose = (number: string, random = 0): unknown => {
    const head = headOf({ headers: { 'x-rand': number, 'x-cl': 'there' } });
    const { name, headers } = cluster(head, random);
    headers?.applyRequest(fakeStream(), head);
    return [name, head.authority];
  };
  for (const number of ['0', '29', '100', '18446744073709551615']) assert.deepEqual(choose(number), ['a', 'lit'], number);
  for (const number of ['30', '99', '130']) assert.deepEqual(choose(number), ['there', 'a.com'], number);
  assert.deepEqual(
    [choose('abc', 0.2), choose('-1', 0.5)],
    [
      ['a', 'lit'],
      ['there', 'a.com'],
    ],
  );
  const wrong = { weighted_clusters: { clusters: [{ name: 'a', cluster_header: 'b', weight: 1 }] } };
  assert.throws(() => forwardOf(wrong), /weighted_clusters\.clusters\[0\]: needs one of name and cluster_header/);
});

test('the path of a URI template is rewritten, and its query stays', () => {
  const rewriteOf = (rewrite: string) => {
    const table = tableOf({
      virtual_hosts: [
        {
          name: 'v',
          domains: ['*'],
          routes: [
            {
              match: {
                path_match_policy: {
                  name: 'm',
                  typed_config: any('envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig', { path_template: '/{x}/y' }),
                },
              },
              route: {
                cluster: 'c',
                path_rewrite_policy: {
                  name: 'r',
                  typed_config: any('envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig', {
                    path_template_rewrite: rewrite,
                  }),
                },
              },
            },
          ],
        },
      ],
    });
    const head = headOf({ path: '/p/y?q=1' });
    const action = table.match(head, 0, fakeInfo())?.action;
    if (action?.kind === 'cluster') action.rewrite?.(head);
    return head.path;
  };
  assert.equal(rewriteOf('/z/{x}'), '/z/p?q=1');
  assert.throws(() => rewriteOf('/{nope}'), /path_template_rewrite: "\{nope\}" is no variable/);
  const policy = { name: 'r', typed_config: any('envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig') };
  assert.throws(() => forwardOf({ path_rewrite_policy: policy }), /path_rewrite_policy: needs path_match_policy/);
});

test('hash policies: the first value of each, until a terminal one', () => {
  const hashOf = (policies: JsonObject[], headers: Record<string, string>, path = '/') => {
    const request = headOf({ headers, path });
    const stream = fakeStream({ info: fakeInfo({ request, filterState: new Map([['k', 'v']]) }) });
    return forwardOf({ hash_policy: policies }).hash?.(stream);
  };
  const byHeader = { header: { header_name: 'x-user' } };
  const byCookie = { cookie: { name: 'c' } };
  assert.deepEqual(hashOf([byHeader], {}), undefined);
  assert.deepEqual(hashOf([byCookie], { cookie: 'c=a' }), hashOf([byHeader], { 'x-user': 'a' }));
  assert.deepEqual(hashOf([byCookie, byHeader], { 'x-user': 'a' }), hashOf([byHeader], { 'x-user': 'a' }));
  assert.notDeepEqual(hashOf([byCookie, byHeader], { 'x-user': 'a', cookie: 'c=b' }), hashOf([byHeader], { 'x-user': 'a' }));
  assert.deepEqual(
    hashOf([{ ...byCookie, terminal: true }, byHeader], { 'x-user': 'a', cookie: 'c=b' }),
    hashOf([byHeader], { 'x-user': 'b' }),
  );
  assert.deepEqual(hashOf([{ filter_state: { key: 'k' } }], {}), hashOf([byHeader], { 'x-user': 'v' }));
  assert.deepEqual(hashOf([{ filter_state: { key: 'none' } }], {}), undefined);
  assert.deepEqual(hashOf([{ query_parameter: { name: 'q' } }], {}, '/?q=a'), hashOf([byHeader], { 'x-user': 'a' }));
  assert.throws(() => forwardOf({ hash_policy: [{ filter_state: {} }] }), ConfigError);
  assert.throws(() => forwardOf({ hash_policy: [{ cookie: {} }] }), ConfigError);
});

test('a cookie with a ttl is made where the request has none, and goes out with an answer of a host', () => {
  const policy = {
    cookie: { name: 'sess', ttl: '61s', path: '/p', attributes: [{ name: 'SameSite', value: 'Strict' }, { name: 'Secure' }] },
  };
  const table = tableOf({
    virtual_hosts: [
      {
        name: 'v',
        domains: ['*'],
        routes: [{ match: { prefix: '/' }, route: { cluster: 'c', hash_policy: [policy, { cookie: { name: 's', ttl: '0s' } }] } }],
      },
    ],
  });
  const answer = (cookies: Record<string, string>, firstUpstreamByteMs: number) => {
    const stream = fakeStream({ info: fakeInfo({ request: headOf({ headers: cookies }), firstUpstreamByteMs }) });
    const entry = table.match(stream.request, 0, stream.info);
    const hashes = entry?.action.kind === 'cluster' ? [entry.action.hash?.(stream), entry.action.hash?.(stream)] : [];
    const response = fakeResponse(200);
    entry?.headers?.applyResponse(stream, response);
    return { hashes, cookies: response.headers.getAll('set-cookie') };
  };
  const { hashes, cookies } = answer({}, 5);
  assert.ok(hashes[0] !== undefined);
  assert.deepEqual(hashes[0], hashes[1]);
  assert.equal(cookies.length, 2);
  assert.match(cookies[0] ?? '', /^sess="[0-9a-f]{16}"; Max-Age=61; Path=\/p; SameSite=Strict; Secure; HttpOnly$/);
  assert.match(cookies[1] ?? '', /^s="[0-9a-f]{16}"; HttpOnly$/);
  assert.deepEqual(answer({ cookie: 'sess=1; s=2' }, 5).cookies, []);
  assert.deepEqual(answer({}, 0).cookies, []);
  const other = fakeInfo({ request: headOf({}), connection: fakeConnection({ remote: { host: '9.9.9.9', port: 1 } }) });
  const stream = fakeStream({ info: other });
  const action = table.match(stream.request, 0, other)?.action;
  assert.notDeepEqual(action?.kind === 'cluster' ? action.hash?.(stream) : undefined, hashes[0]);
});

test('bodies of direct responses by a format', () => {
  const bodyOf = (format: JsonObject | undefined) => {
    const response = { status: 410, body: { inline_string: 'hi' }, ...(format === undefined ? {} : { body_format: format }) };
    const table = tableOf({
      virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, direct_response: response }] }],
    });
    const info = fakeInfo();
    const action = table.match(headOf({}), 0, info)?.action;
    if (action?.kind !== 'direct') throw new Error('not direct');
    return action.format === undefined ? action.body : [action.format.contentType, action.format.render(info, action.body)];
  };
  assert.equal(bodyOf(undefined), 'hi');
  assert.deepEqual(bodyOf({ text_format: '[%LOCAL_REPLY_BODY%] %REQ(x)%' }), ['text/plain', '[hi] -']);
  assert.deepEqual(bodyOf({ json_format: { x: '%LOCAL_REPLY_BODY%', m: '%REQ(x)%' } }), ['application/json', '{"m":null,"x":"hi"}\n']);
  assert.deepEqual(bodyOf({ text_format: '<%LOCAL_REPLY_BODY%>', content_type: 'text/html' }), ['text/html', '<hi>']);
});

test('buffer limits, from the virtual host to the route', () => {
  const limitOf = (host: JsonObject, route: JsonObject): number | undefined =>
    tableOf({
      virtual_hosts: [
        { name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, direct_response: { status: 200 }, ...route }], ...host },
      ],
    }).match(headOf({}), 0, fakeInfo())?.retryBufferBytes;
  assert.deepEqual(
    [
      limitOf({}, {}),
      limitOf({ per_request_buffer_limit_bytes: 5 }, {}),
      limitOf({ request_body_buffer_limit: '6', per_request_buffer_limit_bytes: 5 }, {}),
      limitOf({ request_body_buffer_limit: '6' }, { per_request_buffer_limit_bytes: 7 }),
      limitOf({ request_body_buffer_limit: '6' }, { request_body_buffer_limit: '8' }),
    ],
    [1024 * 1024, 5, 6, 7, 8],
  );
});

test('virtual hosts by a header, and what comes from inside only', () => {
  const table = tableOf({
    vhost_header: 'X-Host',
    internal_only_headers: ['X-Inside'],
    virtual_hosts: [
      { name: 'any', domains: ['*'], routes: [{ match: { prefix: '/' }, direct_response: { status: 200 } }] },
      {
        name: 'w',
        domains: ['w.test'],
        include_is_timeout_retry_header: true,
        routes: [{ match: { prefix: '/' }, route: { cluster: 'c' } }],
      },
    ],
  });
  const found = (headers: Record<string, string>) => table.match(headOf({ headers }), 0, fakeInfo());
  assert.equal(found({ 'x-host': 'w.test' })?.virtualHostName, 'w');
  assert.equal(found({ 'x-host': 'w.test' })?.sendsTimeoutRetry, true);
  assert.equal(found({ 'x-host': 'other' })?.virtualHostName, 'any');
  assert.equal(found({}), undefined);
  assert.deepEqual(table.internalOnlyHeaders?.(headOf({})), ['x-inside']);
  assert.equal(tableOf({}).internalOnlyHeaders?.(headOf({})), undefined);
});
