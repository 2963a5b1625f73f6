/** What is explained of a table is what the table does: for generated tables and requests, and in words for a few. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { loadRe2 } from '../../core/re2.ts';
import { headersOf } from '../../wire/http/headers.ts';
import type { RequestHead } from '../../wire/http/message.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { fakeInfo } from '../telemetry/testing/fake-stream.ts';
import { explainRoutes } from './explain-routes.ts';
import { buildRouteTable } from './route-table.ts';

await loadRe2();

const words = fc.constantFrom('a', 'b', 'ab');

const matchArbitrary = fc.record({
  path: fc.oneof(
    fc.record({ prefix: words.map((word) => `/${word}`) }),
    fc.record({ path: words.map((word) => `/${word}`) }),
    fc.record({ safe_regex: fc.record({ regex: words.map((word) => `/[${word}]+`) }) }),
  ),
  rest: fc.record(
    {
      headers: fc.array(
        fc.oneof(
          words.map((exact): JsonObject => ({ name: 'x', string_match: { exact } })),
          words.map((prefix): JsonObject => ({ name: 'x', string_match: { prefix }, invert_match: true })),
          fc.boolean().map((present): JsonObject => ({ name: 'y', present_match: present })),
        ),
        { maxLength: 2 },
      ),
      query_parameters: words.map((exact): JsonObject[] => [{ name: 'q', string_match: { exact } }]),
      runtime_fraction: fc.constantFrom(0, 30, 100).map((numerator): JsonObject => ({ default_value: { numerator } })),
    },
    { requiredKeys: [] },
  ),
});

const headArbitrary: fc.Arbitrary<RequestHead> = fc
  .record({ path: words, query: fc.option(words), x: fc.option(words), hasY: fc.boolean() })
  .map(({ path, query, x, hasY }) => ({
    method: 'GET',
    path: `/${path}${query === null ? '' : `?q=${query}`}`,
    authority: 'h',
    scheme: 'http',
    protocol: 'HTTP/1.1',
    headers: headersOf([...(x === null ? [] : [['x', x] as const]), ...(hasY ? [['y', ''] as const] : [])]),
    contentLength: 0,
  }));

test('the route that the table gives is the first that is explained to match', () => {
  fc.assert(
    fc.property(
      fc.array(matchArbitrary, { maxLength: 12 }),
      headArbitrary,
      fc.constantFrom(0, 0.29, 0.31, 0.99),
      (matches, head, random) => {
        const routes = matches.map(({ path, rest }, i) => ({
          name: String(i),
          match: { ...path, ...rest },
          direct_response: { status: 200 },
        }));
        const config = fromJson(RouteConfigurationSchema, { virtual_hosts: [{ name: 'v', domains: ['*'], routes }] });
        const matched = buildRouteTable(config, '', []).match(head, random, fakeInfo());
        const explained = explainRoutes(config, head, fakeInfo());
        const first = explained.routes.find(({ unmet, share }) => unmet.length === 0 && random < share);
        assert.equal(first?.route.name, matched?.name);
      },
    ),
  );
});

test('what did not match is said', () => {
  const config = fromJson(RouteConfigurationSchema, {
    virtual_hosts: [
      {
        name: 'v',
        domains: ['h'],
        routes: [
          { match: { prefix: '/x', headers: [{ name: 'X-Who', string_match: { exact: 'ann' } }] }, direct_response: { status: 200 } },
          { match: { path: '/a', query_parameters: [{ name: 'q', present_match: true }], grpc: {} }, direct_response: { status: 200 } },
          { match: { prefix: '/' }, direct_response: { status: 200 } },
          { match: { prefix: '/never' }, direct_response: { status: 200 } },
        ],
      },
    ],
  });
  const head: RequestHead = {
    method: 'GET',
    path: '/a?b',
    authority: 'h',
    scheme: 'http',
    protocol: 'HTTP/1.1',
    headers: headersOf([['x-who', 'bob']]),
    contentLength: 0,
  };
  const { host, routes } = explainRoutes(config, head, fakeInfo());
  assert.equal(host?.name, 'v');
  assert.deepEqual(
    routes.map(({ unmet }) => unmet),
    [
      [
        { what: 'path', wants: 'prefix "/x"', has: '/a' },
        { what: 'header x-who', wants: 'exact "ann"', has: 'bob' },
      ],
      [
        { what: 'query parameter q', wants: 'present', has: undefined },
        { what: 'content-type', wants: 'application/grpc', has: undefined },
      ],
      [],
    ],
  );
  assert.equal(explainRoutes(config, { ...head, authority: 'other' }, fakeInfo()).host, undefined);
});
