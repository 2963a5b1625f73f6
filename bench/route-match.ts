/** Nanoseconds to find a route among 10 to 10,000: by exact path, by prefix, by regular expression, and by virtual host. */
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { loadRe2 } from '../src/core/re2.ts';
import { HeaderBlock } from '../src/wire/http/headers.ts';
import type { RequestHead } from '../src/wire/http/message.ts';
import { RouteConfigurationSchema } from '../src/xds/gen/envoy/config/route/v3/route_pb.ts';
import { buildRouteTable } from '../src/proxy/router/route-table.ts';
import type { MatchInfo, RouteTable } from '../src/proxy/router/route.ts';

/** A configuration with so many routes, and the request that matches the one at a position. */
interface Shape {
  readonly name: string;
  readonly config: (count: number) => JsonObject;
  readonly request: (position: number) => readonly [authority: string, path: string];
}

function inOneHost(routes: readonly JsonObject[]): JsonObject {
  return { virtual_hosts: [{ name: 'v', domains: ['*'], routes: [...routes] }] };
}

function routes(count: number, matchOf: (i: number) => JsonObject): readonly JsonObject[] {
  return Array.from({ length: count }, (_, i) => ({ match: matchOf(i), direct_response: { status: 200 } }));
}

const SHAPES: readonly Shape[] = [
  {
    name: 'exact path',
    config: (count) => inOneHost(routes(count, (i) => ({ path: `/api/v1/orders/${i}` }))),
    request: (i) => ['any.test', `/api/v1/orders/${i}?limit=20`],
  },
  {
    name: 'prefix',
    config: (count) => inOneHost(routes(count, (i) => ({ prefix: `/team-${i}/` }))),
    request: (i) => ['any.test', `/team-${i}/api/v1/orders`],
  },
  {
    name: 'regular expression',
    config: (count) => inOneHost(routes(count, (i) => ({ safe_regex: { regex: `/team-${i}/[a-z0-9/]+` } }))),
    request: (i) => ['any.test', `/team-${i}/api/v1/orders`],
  },
  {
    name: 'virtual host',
    config: (count) => ({
      virtual_hosts: Array.from({ length: count }, (_, i) => ({
        name: `v${i}`,
        domains: [`service-${i}.shop.svc.cluster.local`],
        routes: [...routes(1, () => ({ prefix: '/' }))],
      })),
    }),
    request: (i) => [`service-${i}.shop.svc.cluster.local`, '/api/v1/orders'],
  },
];

const INFO: MatchInfo = {
  connection: {
    id: 1,
    remote: { host: '127.0.0.1', port: 1 },
    local: { host: '127.0.0.1', port: 2 },
    isRedirected: false,
    requestedServerName: '',
    tls: undefined,
    principal: '',
    direction: 'outbound',
    listenerName: '',
    filterChainName: '',
    memo: new Map(),
  },
  metadata: new Map(),
};

function headOf([authority, path]: readonly [string, string]): RequestHead {
  return { method: 'GET', path, authority, scheme: 'http', protocol: 'HTTP/1.1', headers: new HeaderBlock(), contentLength: 0 };
}

/** Best of three rounds, in nanoseconds a match, over requests spread over all routes. */
function measure(table: RouteTable, heads: readonly RequestHead[], calls: number): number {
  let best = Infinity;
  for (let round = 0; round < 3; round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < calls; i++) {
      const head = heads[i % heads.length];
      if (head === undefined || table.match(head, 0, INFO) === undefined) throw new Error('no match');
    }
    best = Math.min(best, Number(process.hrtime.bigint() - start) / calls);
  }
  return Math.round(best);
}

await loadRe2();
console.log('routes              10        100      1,000     10,000   (ns a match)');
for (const { name, config, request } of SHAPES) {
  const cells = [10, 100, 1000, 10_000].map((count) => {
    const table = buildRouteTable(fromJson(RouteConfigurationSchema, config(count)), '', []);
    const heads = Array.from({ length: 64 }, (_, i) => headOf(request(Math.floor((i * count) / 64))));
    const calls = name === 'regular expression' ? Math.ceil(2_000_000 / count) : 200_000;
    return String(measure(table, heads, calls)).padStart(11);
  });
  console.log(`${name.padEnd(18)}${cells.join('')}`);
}
