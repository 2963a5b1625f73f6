import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { loadRe2 } from '../../core/re2.ts';
import { HeaderBlock } from '../../wire/http/headers.ts';
import type { RequestHead } from '../../wire/http/message.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { fakeInfo } from '../telemetry/testing/fake-stream.ts';
import type { MatchInfo } from './route.ts';
import { buildRouteTable } from './route-table.ts';
import { compileDomains } from './virtual-hosts.ts';

await loadRe2();

interface Given {
  readonly method?: string;
  readonly path?: string;
  readonly authority?: string;
  readonly scheme?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

function headOf(given: Given): RequestHead {
  const headers = new HeaderBlock();
  for (const [name, values] of Object.entries(given.headers ?? {})) for (const value of [values].flat()) headers.add(name, value);
  const { method = 'GET', path = '/', authority = 'a.com', scheme = 'http' } = given;
  return { method, path, authority, scheme, protocol: 'HTTP/1.1', headers, contentLength: 0 };
}

function table(config: JsonObject) {
  return buildRouteTable(fromJson(RouteConfigurationSchema, config), '', []);
}

/** A table of one virtual host whose routes answer with 200, 201, ... by position, so that a match shows. */
function statusOf(matches: readonly JsonObject[], given: Given, random = 0.5, info: MatchInfo = fakeInfo()): number | undefined {
  const routes = matches.map((match, i): JsonObject => ({
    match: {
      ...('prefix' in match || 'path' in match || 'safe_regex' in match || 'path_separated_prefix' in match ? {} : { prefix: '/' }),
      ...match,
    },
    direct_response: { status: 200 + i },
  }));
  const action = table({ virtual_hosts: [{ name: 'v', domains: ['*'], routes }] }).match(headOf(given), random, info)?.action;
  return action?.kind === 'direct' ? action.status : undefined;
}

test('what matches', () => {
  const regex = (source: string): JsonValue => ({ regex: source });
  const header = (matcher: JsonObject): JsonObject => ({ headers: [{ name: 'x', ...matcher }] });
  const query = (matcher: JsonObject): JsonObject => ({ query_parameters: [{ name: 'q', ...matcher }] });
  const x = (...values: string[]): Given => ({ headers: { x: values } });
  const at = (path: string): Given => ({ path });
  const cases: [match: JsonObject, yes: readonly Given[], no: readonly Given[]][] = [
    [{ prefix: '/a' }, [at('/a'), at('/ab'), at('/a/b?c')], [at('/'), at('/A'), at('/?/a')]],
    [{ prefix: '/A', case_sensitive: false }, [at('/a/b'), at('/A')], [at('/b')]],
    [{ path: '/a' }, [at('/a'), at('/a?b'), at('/a#b')], [at('/a/'), at('/ab'), at('/A')]],
    [{ path: '/A', case_sensitive: false }, [at('/a?x'), at('/A')], [at('/ab')]],
    [{ path_separated_prefix: '/a' }, [at('/a'), at('/a/'), at('/a/b'), at('/a?b')], [at('/ab'), at('/')]],
    [{ safe_regex: regex('/v[0-9]+/.*') }, [at('/v12/x?y=/'), at('/v1/')], [at('/v/x'), at('/x/v1/'), at('/v1')]],
    [{ safe_regex: regex('(?i)/ABC(x|y)*') }, [at('/abcxy')], [at('/abcz')]],
    [header({}), [x('a'), x('')], [{}]],
    [header({ present_match: false }), [{}], [x('a')]],
    [header({ present_match: true, invert_match: true }), [{}], [x('a')]],
    [header({ exact_match: 'a' }), [x('a')], [x('b'), {}, x('a', 'b')]],
    [header({ string_match: { exact: 'a,b' } }), [x('a', 'b')], [x('a')]],
    [header({ string_match: { exact: 'AB', ignore_case: true } }), [x('aB')], [x('abc')]],
    [header({ string_match: { prefix: 'a' } }), [x('ab')], [x('ba'), {}]],
    [header({ string_match: { suffix: 'a' } }), [x('ba')], [x('ab')]],
    [header({ string_match: { contains: 'b' } }), [x('abc')], [x('ac')]],
    [header({ string_match: { safe_regex: regex('[ab]+') } }), [x('abba')], [x('abc')]],
    [header({ safe_regex_match: regex('\\d{3}'), invert_match: true }), [x('1234')], [x('123'), {}]],
    [header({ exact_match: 'a', invert_match: true, treat_missing_header_as_empty: true }), [{}, x('b')], [x('a')]],
    [header({ range_match: { start: '-10', end: '0' } }), [x('-1'), x('-10')], [x('0'), x('x'), x('-1.5'), {}]],
    [header({ prefix_match: 'a' }), [x('ab')], [x('b')]],
    [header({ suffix_match: 'a' }), [x('ba')], [x('b')]],
    [header({ contains_match: 'a' }), [x('bab')], [x('b')]],
    [{ headers: [{ name: ':method', string_match: { exact: 'POST' } }] }, [{ method: 'POST' }], [{}]],
    [{ headers: [{ name: ':authority', string_match: { prefix: 'a' } }] }, [{}], [{ authority: 'b' }]],
    [query({}), [at('/?q'), at('/?a=b&q=1')], [at('/'), at('/?qq=1')]],
    [query({ present_match: false }), [at('/')], [at('/?q=1')]],
    [query({ string_match: { exact: '1' } }), [at('/?q=1'), at('/?q=1&q=2'), at('/?q=1#x')], [at('/?q=2&q=1'), at('/?q'), at('/')]],
    [{ grpc: {} }, [{ headers: { 'content-type': 'application/grpc+proto' } }], [{}, { headers: { 'content-type': 'application/grpcx' } }]],
  ];
  for (const [match, yes, no] of cases) {
    for (const given of yes) assert.equal(statusOf([match], given), 200, `${JSON.stringify(match)} on ${JSON.stringify(given)}`);
    for (const given of no) assert.equal(statusOf([match], given), undefined, `${JSON.stringify(match)} on ${JSON.stringify(given)}`);
  }
});

test('the first route that matches wins, and a fraction lets the rest pass', () => {
  assert.equal(statusOf([{ path: '/x' }, { prefix: '/' }, { prefix: '/x' }], { path: '/x/y' }), 201);
  const fraction = { runtime_fraction: { default_value: { numerator: 5, denominator: 'TEN_THOUSAND' } } };
  assert.equal(statusOf([fraction, {}], {}, 0.000_49), 200);
  assert.equal(statusOf([fraction, {}], {}, 0.000_5), 201);
});

test('domains: exact, longest suffix, longest prefix, any', () => {
  const domains = ['a.com', '*.a.com', '*-x.a.com', 'a.*', 'a.b.*', '*'];
  const find = compileDomains(
    domains.map((domain) => ({ domains: [domain], value: domain })),
    false,
    '',
  );
  const cases: [host: string, want: string][] = [
    ['A.com', 'a.com'],
    ['b.a.com', '*.a.com'],
    ['b-x.a.com', '*-x.a.com'],
    ['.a.com', '*'],
    ['a.org', 'a.*'],
    ['a.b.org', 'a.b.*'],
    ['a.b.a.com', '*.a.com'],
    ['other', '*'],
    ['a.com:80', 'a.*'],
  ];
  for (const [host, want] of cases) assert.equal(find(host), want, host);
  const ignoring = compileDomains(
    [
      { domains: ['a.com'], value: 1 },
      { domains: ['[::1]'], value: 2 },
    ],
    true,
    '',
  );
  assert.deepEqual(['a.com:81', 'a.com', '[::1]:80', '[::1]'].map(ignoring), [1, 1, 2, 2]);
});

test('domains are found as a search through all of them would', () => {
  const label = fc.constantFrom('a', 'b', 'a.b', 'a.a', '.', 'b.a.b');
  const domain = fc.oneof(
    label,
    label.map((l) => `*${l}`),
    label.map((l) => `${l}*`),
    fc.constant('*'),
  );
  const rank = (d: string): [number, number] =>
    d === '*' ? [3, 0] : d.startsWith('*') ? [1, -d.length] : d.endsWith('*') ? [2, -d.length] : [0, 0];
  const fits = (d: string, host: string): boolean => {
    if (d === '*' || d === host) return true;
    const fixed = d.replace('*', '');
    return host.length > fixed.length && (d.startsWith('*') ? host.endsWith(fixed) : d.endsWith('*') && host.startsWith(fixed));
  };
  fc.assert(
    fc.property(
      fc.uniqueArray(domain, { minLength: 1, maxLength: 8 }),
      fc.array(label, { minLength: 1, maxLength: 3 }),
      (domains, labels) => {
        const host = labels.join('');
        const sorted = domains.toSorted((a, b) => rank(a)[0] - rank(b)[0] || rank(a)[1] - rank(b)[1]);
        const find = compileDomains(
          domains.map((d) => ({ domains: [d], value: d })),
          false,
          '',
        );
        assert.equal(
          find(host),
          sorted.find((d) => fits(d, host)),
        );
      },
    ),
  );
});

function forward(action: JsonObject, match: JsonObject = { prefix: '/a' }, more: JsonObject = {}) {
  const entry = table({
    virtual_hosts: [
      {
        name: 'v',
        domains: ['*'],
        routes: [{ match, route: { ...('weighted_clusters' in action || 'cluster_header' in action ? {} : { cluster: 'c' }), ...action } }],
        ...more,
      },
    ],
  }).match(headOf({ path: '/a' }), 0, fakeInfo());
  assert.equal(entry?.action.kind, 'cluster');
  if (entry?.action.kind !== 'cluster') throw new Error('not a cluster');
  return entry.action;
}

test('rewrites of path and host', () => {
  const cases: [action: JsonObject, match: JsonObject, given: Given, want: { path: string; authority: string; forwarded?: string }][] = [
    [{ prefix_rewrite: '/z' }, { prefix: '/a' }, { path: '/a/b?c' }, { path: '/z/b?c', authority: 'a.com' }],
    [{ prefix_rewrite: '/z' }, { path: '/a' }, { path: '/a?c#d' }, { path: '/z?c#d', authority: 'a.com' }],
    [{ prefix_rewrite: '/z' }, { path_separated_prefix: '/a' }, { path: '/a/x' }, { path: '/z/x', authority: 'a.com' }],
    [{ prefix_rewrite: '/z' }, { safe_regex: { regex: '/a.*' } }, { path: '/a/b?c' }, { path: '/z?c', authority: 'a.com' }],
    [
      { regex_rewrite: { pattern: { regex: '/a/([^/]+)' }, substitution: '/b/\\1' } },
      { prefix: '/a' },
      { path: '/a/x/y?/a/q' },
      { path: '/b/x/y?/a/q', authority: 'a.com' },
    ],
    [{ host_rewrite_literal: 'h' }, { prefix: '/a' }, { path: '/a' }, { path: '/a', authority: 'h' }],
    [
      { host_rewrite_literal: 'h', append_x_forwarded_host: true },
      { prefix: '/a' },
      { path: '/a' },
      { path: '/a', authority: 'h', forwarded: 'a.com' },
    ],
    [{ host_rewrite_header: 'X-H' }, { prefix: '/a' }, { path: '/a', headers: { 'x-h': 'q' } }, { path: '/a', authority: 'q' }],
    [{ host_rewrite_header: 'X-H' }, { prefix: '/a' }, { path: '/a' }, { path: '/a', authority: 'a.com' }],
    [
      { host_rewrite_path_regex: { pattern: { regex: '^/a/(.+)$' }, substitution: '\\1' }, prefix_rewrite: '/' },
      { prefix: '/a/b' },
      { path: '/a/b?x' },
      { path: '/?x', authority: 'b' },
    ],
  ];
  for (const [action, match, given, want] of cases) {
    const built = table({ virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match, route: { cluster: 'c', ...action } }] }] });
    const head = headOf(given);
    const matched = built.match(head, 0, fakeInfo())?.action;
    if (matched?.kind !== 'cluster') throw new Error(`no match: ${JSON.stringify(match)}`);
    matched.rewrite?.(head);
    assert.deepEqual(
      {
        path: head.path,
        authority: head.authority,
        ...(head.headers.has('x-forwarded-host') && { forwarded: head.headers.get('x-forwarded-host') }),
      },
      want,
      JSON.stringify(action),
    );
  }
  assert.equal(forward({}).rewrite, undefined);
});

test('redirects', () => {
  const cases: [redirect: JsonObject, given: Given, want: string][] = [
    [{ https_redirect: true }, {}, 'https://a.com/a?b'],
    [{ https_redirect: true }, { authority: 'a.com:80' }, 'https://a.com/a?b'],
    [{ https_redirect: true }, { authority: 'a.com:8080' }, 'https://a.com:8080/a?b'],
    [{ https_redirect: true, port_redirect: 8443 }, { authority: 'a.com:8080' }, 'https://a.com:8443/a?b'],
    [{ scheme_redirect: 'http' }, { scheme: 'https', authority: '[::1]:443' }, 'http://[::1]/a?b'],
    [{ host_redirect: 'b.com' }, { headers: { 'x-forwarded-proto': 'https' } }, 'https://b.com/a?b'],
    [{ path_redirect: '/n' }, {}, 'http://a.com/n?b'],
    [{ path_redirect: '/n?x=1' }, {}, 'http://a.com/n?x=1'],
    [{ path_redirect: '/n', strip_query: true }, {}, 'http://a.com/n'],
    [{ strip_query: true }, {}, 'http://a.com/a'],
    [{ prefix_rewrite: '/z' }, { path: '/a/q?b' }, 'http://a.com/z/q?b'],
    [{ regex_rewrite: { pattern: { regex: 'a' }, substitution: 'z' } }, { path: '/aa?a' }, 'http://a.com/zz?a'],
  ];
  for (const [redirect, given, want] of cases) {
    const built = table({ virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '/a' }, redirect }] }] });
    const head = headOf({ path: '/a?b', ...given });
    const action = built.match(head, 0, fakeInfo())?.action;
    assert.equal(action?.kind === 'redirect' ? action.location(head) : '', want, JSON.stringify(redirect));
  }
});

test('a virtual host that demands TLS redirects the rest', () => {
  const answer = (requireTls: string, given: Given): string | undefined => {
    const built = table({
      virtual_hosts: [
        { name: 'v', domains: ['*'], require_tls: requireTls, routes: [{ match: { prefix: '/' }, route: { cluster: 'c' } }] },
      ],
    });
    const head = headOf({ path: '/p?q', ...given });
    const action = built.match(head, 0, fakeInfo())?.action;
    return action?.kind === 'redirect' ? action.location(head) : action?.kind;
  };
  assert.equal(answer('ALL', {}), 'https://a.com/p?q');
  assert.equal(answer('ALL', { scheme: 'https' }), 'cluster');
  assert.equal(answer('ALL', { headers: { 'x-forwarded-proto': 'https' } }), 'cluster');
  assert.equal(answer('EXTERNAL_ONLY', { headers: { 'x-envoy-internal': 'true' } }), 'cluster');
  assert.equal(answer('EXTERNAL_ONLY', {}), 'https://a.com/p?q');
});

test('weighted clusters take their share of [0, 1)', () => {
  const weights = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 5 }).filter((list) => list.some((w) => w > 0));
  fc.assert(
    fc.property(weights, (list) => {
      const action = forward({ weighted_clusters: { clusters: list.map((weight, i) => ({ name: `c${i}`, weight })) } });
      const total = list.reduce((a, b) => a + b);
      const counts = list.map(() => 0);
      for (let i = 0; i < total; i++) {
        const index = Number(action.cluster(headOf({}), (i + 0.5) / total).name.slice(1));
        counts[index] = (counts[index] ?? 0) + 1;
      }
      assert.deepEqual(counts, list);
    }),
    { numRuns: 50 },
  );
});

test('settings of a route, with their defaults', () => {
  const plain = forward({});
  assert.deepEqual([plain.timeoutMs, plain.idleTimeoutMs, plain.retry, plain.clusterNotFoundStatus], [15_000, undefined, undefined, 503]);
  const full = forward({
    timeout: '0s',
    idle_timeout: '1.5s',
    cluster_not_found_response_code: 'NOT_FOUND',
    upgrade_configs: [{ upgrade_type: 'WebSocket' }, { upgrade_type: 'x', enabled: false }],
    request_mirror_policies: [{ cluster: 'm', runtime_fraction: { default_value: { numerator: 10 } } }],
    retry_policy: { retry_on: '5xx,connect-failure', num_retries: 3, per_try_timeout: '2s', retriable_status_codes: [418] },
  });
  assert.deepEqual([full.timeoutMs, full.idleTimeoutMs, full.clusterNotFoundStatus], [0, 1500, 404]);
  assert.deepEqual(
    [...full.upgrades],
    [
      ['websocket', true],
      ['x', false],
    ],
  );
  assert.deepEqual(
    full.mirrors.map(({ cluster, ...rest }) => ({ cluster: cluster(headOf({})), ...rest })),
    [{ cluster: 'm', fraction: { value: 0.1 }, marksHost: true, host: '' }],
  );
  assert.deepEqual(
    [full.retry?.maxRetries, full.retry?.perTryTimeoutMs, full.retry?.baseIntervalMs, full.retry?.maxIntervalMs],
    [3, 2000, 25, 250],
  );
  const inherited = forward({}, { prefix: '/a' }, { retry_policy: { retry_on: 'reset' } });
  assert.equal(inherited.retry?.maxRetries, 1);
  assert.equal(forward({ cluster_header: 'X-C' }).cluster(headOf({ headers: { 'x-c': 'there' } }), 0).name, 'there');
  const hashing = forward({ hash_policy: [{ header: { header_name: 'x-user' }, terminal: true }, { query_parameter: { name: 'q' } }] });
  assert.equal(typeof hashing.hash, 'function');
});

test('retries by header fields of responses and requests', () => {
  const { retry } = forward({
    retry_policy: {
      retry_on: 'retriable-headers',
      retriable_headers: [
        { name: 'X-Again', string_match: { exact: 'a,b' } },
        { name: ':status', string_match: { exact: '204' } },
      ],
      retriable_request_headers: [{ name: 'x-may', present_match: true }],
    },
  });
  const answers = (status: number, values: readonly string[]): boolean | undefined =>
    retry?.isRetriableResponse?.({ status, contentLength: 0, headers: headOf({ headers: { 'x-again': values } }).headers });
  assert.deepEqual([answers(200, ['a', 'b']), answers(200, ['a']), answers(200, []), answers(204, [])], [true, false, false, true]);
  assert.deepEqual(
    [retry?.isRetriableRequest?.(headOf({ headers: { 'x-may': '' } })), retry?.isRetriableRequest?.(headOf({}))],
    [true, false],
  );
  const plain = forward({ retry_policy: { retry_on: '5xx' } }).retry;
  assert.deepEqual([plain?.isRetriableRequest, plain?.isRetriableResponse], [undefined, undefined]);
});

test('what is wrong is named by its field', () => {
  const host = (more: JsonObject): JsonObject => ({ virtual_hosts: [{ name: 'v', domains: ['*'], ...more }] });
  const route = (more: JsonObject): JsonObject => host({ routes: [{ match: { prefix: '/' }, ...more }] });
  const cases: [config: JsonObject, want: RegExp][] = [
    [host({ domains: [] }), /^virtual_hosts\[0\]\.domains: is empty/],
    [host({ domains: ['a', 'A'] }), /^virtual_hosts\[0\]\.domains\[1\]: the domain "A" stands twice/],
    [host({ domains: ['a*b'] }), /domains\[0\]: "a\*b" has a \*/],
    [
      {
        virtual_hosts: [
          { name: 'v', domains: ['a'] },
          { name: 'v', domains: ['b'] },
        ],
      },
      /^virtual_hosts\[1\]\.name: "v" stands twice/,
    ],
    [route({}), /^virtual_hosts\[0\]\.routes\[0\]: says no route, redirect/],
    [route({ match: {} }), /routes\[0\]\.match: says no prefix/],
    [route({ match: { path_match_policy: { name: 'x' } } }), /match\.path_match_policy\.typed_config: missing/],
    [route({ match: { safe_regex: { regex: '(?=a)' } } }), /match\.safe_regex\.regex: not a regular expression/],
    [route({ match: { path_separated_prefix: '/a/' } }), /match\.path_separated_prefix: "\/a\/" has/],
    [route({ route: {} }), /routes\[0\]\.route: says no cluster/],
    [
      route({ route: { weighted_clusters: { clusters: [{ name: 'a', weight: 0 }] } } }),
      /weighted_clusters\.clusters: the weights add up to 0/,
    ],
    [
      route({ route: { cluster: 'c', prefix_rewrite: '/a', regex_rewrite: { pattern: { regex: 'a' } } } }),
      /prefix_rewrite, regex_rewrite and path_rewrite_policy exclude/,
    ],
    [route({ direct_response: { status: 99 } }), /direct_response\.status: 99 is not in/],
    [route({ direct_response: { status: 200, body: { inline_string: 'x'.repeat(4097) } } }), /direct_response\.body: 4097 bytes/],
    [
      route({ route: { cluster: 'c' }, request_headers_to_add: [{ header: { key: ':path', value: 'x' } }] }),
      /request_headers_to_add\[0\]\.header\.key: ":path" cannot/,
    ],
    [route({ route: { cluster: 'c' }, response_headers_to_remove: ['a b'] }), /response_headers_to_remove\[0\]: "a b" is not/],
    [
      route({ route: { cluster: 'c' }, response_headers_to_add: [{ header: { key: 'a', value: '%NOPE%' } }] }),
      /response_headers_to_add\[0\]\.header\.value/,
    ],
  ];
  for (const [config, message] of cases) {
    assert.throws(() => table(config), { name: 'ConfigError', message }, JSON.stringify(config));
  }
});

test('a table says which clusters it names', () => {
  const built = table({
    virtual_hosts: [
      {
        name: 'v',
        domains: ['*'],
        routes: [
          { match: { path: '/1' }, route: { cluster: 'a', request_mirror_policies: [{ cluster: 'm' }] } },
          {
            match: { prefix: '/' },
            route: {
              weighted_clusters: {
                clusters: [
                  { name: 'a', weight: 1 },
                  { name: 'b', weight: 2 },
                ],
              },
            },
          },
        ],
      },
    ],
  });
  assert.deepEqual([...built.clusters], ['a', 'm', 'b']);
});
