import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Flow } from '../../model/flow.ts';
import { passageIn } from '../explain/log-line.ts';
import { diagnose } from './diagnose.ts';
import { type Facts, factsOf, NO_FACTS } from './facts.ts';
import { type Hop, hopOfFlow, hopOfPassage, isFailure } from './hop.ts';

const START = Date.parse('2026-11-22T00:00:00Z');

function hop(side: Hop['side'], source: string, destination: string, more: Partial<Hop>): Hop {
  const workload = side === 'server' ? destination : source;
  const [namespace, name] = workload.split('/');
  return {
    proxy: `${name}-0.${namespace}`,
    side,
    startMs: START,
    durationMs: 10,
    what: `GET ${destination.split('/')[1]}:8080/x`,
    status: 503,
    grpcStatus: 0,
    flags: [],
    details: 'via_upstream',
    cluster: '',
    host: side === 'server' ? '' : '10.0.0.9:8080',
    source,
    destination,
    service: `${destination.split('/')[1]}.shop.svc.cluster.local`,
    ...more,
  };
}

const client = (more: Partial<Hop>): Hop => hop('client', 'shop/web', 'shop/cart', more);
const server = (more: Partial<Hop>): Hop => hop('server', 'shop/web', 'shop/cart', more);
const WITH_PROXY: Facts = { ...NO_FACTS, hasProxy: () => true, endpoints: () => ({ ready: 0, all: 2, isExternal: false }) };
const OUTSIDE: Facts = { ...NO_FACTS, endpoints: () => ({ ready: 1, all: 1, isExternal: true }) };

const LEFT = { status: 0, flags: ['DC'], details: 'downstream_remote_disconnect', durationMs: 3000 };
const TIMED_OUT = { status: 504, flags: ['UT'], details: 'response_timeout', durationMs: 1000 };

const CASES: readonly {
  readonly name: string;
  readonly hops: readonly Hop[];
  readonly facts?: Facts;
  readonly place: string;
  readonly text: RegExp;
}[] = [
  {
    name: 'the application answered with an error of its own',
    hops: [client({}), server({ durationMs: 7 })],
    place: 'the called application',
    text: /shop\/cart itself answered 503 after 7 ms/,
  },
  {
    name: 'the caller waited for a request that did not come to the called proxy',
    hops: [client(LEFT)],
    facts: WITH_PROXY,
    place: 'the network',
    text: /nothing came back .* after 3000 ms, when shop\/web went away, and its proxy, .* tells nothing/,
  },
  {
    name: 'plaintext where mTLS is STRICT, as the called proxy tells of it',
    hops: [
      server({
        what: 'a connection to cart.shop.svc.cluster.local',
        source: '',
        status: 0,
        flags: ['NR'],
        details: 'plaintext_refused_mtls_is_strict',
        policy: { kind: 'PeerAuthentication', namespace: 'shop', name: 'default', file: 'a.yaml', line: 3, field: '' },
      }),
    ],
    place: 'the called proxy',
    text: /shop\/cart takes mTLS only \(STRICT\), and this came in plaintext: PeerAuthentication shop\/default, a\.yaml:3/,
  },
  {
    name: 'the answer did not come back before the caller had enough',
    hops: [client(LEFT), server({ status: 200, durationMs: 1 })],
    place: 'the network',
    text: /when shop\/web went away, though its proxy answered 200, 1 ms after/,
  },
  {
    name: 'the answer did not come back before the time was over',
    hops: [client(TIMED_OUT), server({ status: 200, durationMs: 12 })],
    place: 'the network',
    text: /when the time for it was over, though its proxy answered 200, 12 ms after/,
  },
  {
    name: 'a timeout of which the called proxy tells nothing',
    hops: [client(TIMED_OUT)],
    facts: WITH_PROXY,
    place: 'the network',
    text: /when the time for it was over, and its proxy, .* tells nothing/,
  },
  {
    name: 'the caller had no patience',
    hops: [client({ ...LEFT, durationMs: 20 })],
    facts: WITH_PROXY,
    place: 'the calling application',
    text: /went away after 20 ms/,
  },
  {
    name: 'the caller left amid the answer',
    hops: [client({ ...LEFT, status: 200 }), server({ status: 200, durationMs: 1 })],
    place: 'the calling application',
    text: /went away after 3000 ms/,
  },
  {
    name: 'plaintext to a proxy that takes mTLS only',
    hops: [client({ flags: ['UC'], details: 'upstream_reset_before_response_started{connection_termination}', isMutualTls: false })],
    facts: WITH_PROXY,
    place: 'the called proxy',
    text: /shop\/web's proxy spoke plaintext to shop\/cart .* as it does where mTLS is STRICT/,
  },
  {
    name: 'the application broke off amid its answer',
    hops: [
      client({ status: 200, flags: ['UR'], details: 'upstream_reset_after_response_started{remote_reset}' }),
      server({ status: 200, flags: ['UPE'], details: 'upstream_reset_after_response_started{protocol_error}' }),
    ],
    place: 'the called application',
    text: /began to answer 200 and broke off after 10 ms/,
  },
  {
    name: 'the application does not listen',
    hops: [client({}), server({ flags: ['UF'], details: 'upstream_reset_before_response_started{connection_failure|Connection_refused}' })],
    place: 'the called application',
    text: /does not listen at its port/,
  },
  {
    name: 'the application crashed',
    hops: [client({}), server({ flags: ['UC'], details: 'upstream_reset_before_response_started{connection_termination}' })],
    place: 'the called application',
    text: /closed the connection after 10 ms/,
  },
  {
    name: 'a policy of the called one',
    hops: [
      client({ status: 403 }),
      server({ status: 403, details: 'rbac_access_denied_matched_policy[ns[shop]-policy[deny-web]-rule[0]]' }),
    ],
    place: 'the called proxy',
    text: /said no: .*AuthorizationPolicy shop\/deny-web/,
  },
  {
    name: 'a policy whose file is known',
    hops: [
      server({
        status: 403,
        details: 'rbac_access_denied_matched_policy[x]',
        policy: { kind: 'AuthorizationPolicy', namespace: 'shop', name: 'a', file: 'p.yaml', line: 4, field: '' },
      }),
    ],
    place: 'the called proxy',
    text: /AuthorizationPolicy shop\/a, p\.yaml:4/,
  },
  {
    name: 'no route',
    hops: [client({ status: 404, flags: ['NR'], details: 'route_not_found' })],
    place: 'its proxy',
    text: /no route fits/,
  },
  {
    name: 'nobody ready',
    hops: [client({ flags: ['UH'] })],
    facts: WITH_PROXY,
    place: 'the called application',
    text: /0 of 2 endpoints are ready/,
  },
  {
    name: 'a proxy that is not there',
    hops: [client({ flags: ['UF'], details: 'upstream_reset_before_response_started{remote_connection_failure|Connection_refused}' })],
    facts: WITH_PROXY,
    place: 'the called proxy',
    text: /it does not listen at 10\.0\.0\.9:8080/,
  },
  {
    name: 'a machine without a route',
    hops: [client({ flags: ['UF'], details: 'upstream_reset_before_response_started{x|delayed_connect_error:_No_route_to_host}' })],
    place: 'the network',
    text: /10\.0\.0\.9:8080 could be made \(No route to host\)/,
  },
  {
    name: 'a destination that does not exist',
    hops: [client({ flags: ['NC'], details: 'cluster_not_found', destination: '', service: '' })],
    place: 'its proxy',
    text: /the route's destination does not exist/,
  },
  {
    name: 'a timeout of a route, while the application worked',
    hops: [
      client({
        status: 504,
        flags: ['UT'],
        details: 'response_timeout',
        routeOrigin: { kind: 'VirtualService', namespace: 'shop', name: 'cart', file: 'r.yaml', line: 7, field: '' },
      }),
      server({ status: 0, flags: ['DR'], details: 'http2.remote_reset' }),
    ],
    place: 'the called application',
    text: /when the time for it was over, by VirtualService shop\/cart, r\.yaml:7/,
  },
  {
    name: 'a network that swallows packets',
    hops: [client({ flags: ['UF'], details: 'upstream_reset_before_response_started{connection_timeout}' })],
    place: 'the network',
    text: /packets go nowhere/,
  },
  {
    name: 'a certificate that is not trusted',
    hops: [
      client({
        flags: ['UF'],
        details: 'upstream_reset_before_response_started{TLS_error:|268435581:SSL routines:CERTIFICATE_VERIFY_FAILED}',
      }),
    ],
    place: 'its proxy',
    text: /could not agree on TLS/,
  },
  {
    name: 'a timeout, while the application worked',
    hops: [
      client({ status: 504, flags: ['UT'], details: 'response_timeout' }),
      server({ status: 0, flags: ['DC'], details: 'downstream_remote_disconnect' }),
    ],
    place: 'the called application',
    text: /had not answered after 10 ms/,
  },
  {
    name: 'a client that left',
    hops: [
      client({ status: 0, flags: ['DC'], details: 'downstream_remote_disconnect' }),
      server({ status: 0, flags: ['DR'], details: 'http2.remote_reset' }),
    ],
    place: 'the calling application',
    text: /shop\/web went away after 10 ms/,
  },
  {
    name: 'what is no HTTP',
    hops: [client({ status: 400, flags: ['DPE'], details: 'http1.codec_error' })],
    place: 'the calling application',
    text: /breaks HTTP/,
  },
  {
    name: 'a circuit breaker',
    hops: [client({ flags: ['UO'], details: 'overflow' })],
    place: 'its proxy',
    text: /a limit on what may go to shop\/cart/,
  },
  {
    name: 'a proxy that sheds',
    hops: [client({}), server({ flags: ['UO'], details: 'overload' })],
    place: 'the called proxy',
    text: /was overloaded/,
  },
  { name: 'an injected fault', hops: [client({ flags: ['FI'], details: 'fault_filter_abort' })], place: 'its proxy', text: /on purpose/ },
  {
    name: 'gRPC: the status says it',
    hops: [client({ status: 200, grpcStatus: 14, flags: [] }), server({ status: 200, grpcStatus: 14 })],
    place: 'the called application',
    text: /answered gRPC status 14/,
  },
  {
    name: 'a connection that came without mTLS',
    hops: [server({ what: 'a connection to cart', status: 0, flags: ['NR'], details: 'filter_chain_not_found' })],
    place: 'the called proxy',
    text: /plaintext where mTLS is STRICT/,
  },
];

for (const { name, hops, facts = NO_FACTS, place, text } of CASES) {
  test(name, () => {
    const diagnosis = diagnose(hops, facts);
    assert.equal(diagnosis.place, place, diagnosis.paragraph);
    assert.match(diagnosis.paragraph, text);
    assert.ok(!/ {2}|undefined| \./.test(diagnosis.paragraph), diagnosis.paragraph);
  });
}

test('the cause is the deepest call that failed, and the way up is told', () => {
  const inner = { startMs: START + 2, durationMs: 3 };
  const hops = [
    client({ status: 500 }),
    server({ status: 500, startMs: START + 1 }),
    hop('client', 'shop/cart', 'shop/db', { ...inner, flags: ['UH'], details: 'no_healthy_upstream' }),
    hop('client', 'shop/cart', 'shop/prices', { ...inner, status: 200 }),
  ];
  const { place, paragraph } = diagnose(hops, NO_FACTS);
  assert.equal(place, 'the called application');
  assert.match(paragraph, /no instance of shop\/db could be used.*On the way back shop\/cart passed it on as 500 to shop\/web/);
});

test('what proxies refuse now is told beside', () => {
  const proxies = [{ namespace: 'shop', workload: 'web', types: { LDS: { nack: { message: 'no such filter' } } } }];
  const services = [{ hostname: 'cart.shop.svc.cluster.local', name: 'cart', namespace: 'shop', endpoints: [{ isReady: true }] }];
  const facts = factsOf(services, proxies);
  assert.deepEqual(facts.endpoints('cart.shop:8080'), { ready: 1, all: 1, isExternal: false });
  assert.equal(facts.endpoints('cart.other'), undefined);
  assert.equal(facts.hasProxy('shop/cart'), false);
  const meshed = factsOf(services, proxies, [{ namespace: 'shop', name: 'cart', isMeshed: true }]);
  assert.deepEqual([meshed.hasProxy('shop/cart'), meshed.proxyTrouble('shop/cart')], [true, 'no proxy of shop/cart is connected now']);
  assert.match(diagnose([client({ flags: ['NC'] })], facts).paragraph, /Moreover, its proxy refuses LDS: no such filter\./);
});

test('where nothing failed, that is said', () => {
  assert.match(diagnose([client({ status: 200 })], NO_FACTS).paragraph, /Nothing failed.*200 after 10 ms/);
  assert.equal(isFailure(client({ status: 0, what: 'a connection to db' })), false);
  assert.equal(diagnose([], NO_FACTS).place, undefined);
});

test('a line of an access log is a hop, and so is a flow record', () => {
  const line =
    '[2026-11-22T00:00:00.000Z] "GET /x HTTP/1.1" 503 URX,UF upstream_reset - "-" 0 91 3 2 "-" "curl/8" "id-1" "cart:8080" "10.0.0.9:8080" outbound|8080||cart.shop.svc.cluster.local - 10.0.0.1:1 10.0.0.2:2 - default';
  const passage = passageIn(line, 'web-1.shop');
  assert.ok(passage);
  const read = hopOfPassage(passage);
  assert.deepEqual([read.source, read.flags, read.durationMs, read.service], ['shop/web', ['URX', 'UF'], 3, 'cart.shop.svc.cluster.local']);
  const flow: Flow = {
    id: 'id-1',
    proxy: 'sidecar~10.0.0.1~web-1.shop~shop.svc.cluster.local',
    reporter: 'source',
    receivedMs: START,
    startMs: START,
    durationMs: 3,
    protocol: 'http',
    source: { namespace: 'shop', workload: 'web', address: '10.0.0.1:1', principal: '' },
    destination: { namespace: 'shop', workload: 'cart', address: '10.0.0.9:8080', principal: '' },
    service: 'cart.shop.svc.cluster.local',
    cluster: read.cluster,
    verdict: 'failed',
    flags: ['URX', 'UF'],
    details: 'upstream_reset',
    route: 'default',
    isMutualTls: true,
    bytesSent: 0,
    bytesReceived: 0,
    traceId: '',
    request: { method: 'GET', authority: 'cart:8080', path: '/x', status: 503 },
  };
  assert.deepEqual({ ...hopOfFlow(flow), destination: '' }, read);
});

test('what to look at depends on whether a policy forbids or none allows', () => {
  const mendOf = (details: string): string | undefined => diagnose([server({ status: 403, details })], NO_FACTS).mend;
  assert.match(mendOf('rbac_access_denied_matched_policy[ns[shop]-policy[no]-rule[0]]') ?? '', /the rule of the policy that forbids it/);
  assert.match(mendOf('rbac_access_denied_matched_policy[none]') ?? '', /an ALLOW rule with its identity/);
});

test('what to look at depends on where hosts are, and if there are any', () => {
  const refused = client({ flags: ['UF'], details: 'x{remote_connection_failure|delayed_connect_error:_Connection_refused}' });
  assert.match(diagnose([refused], OUTSIDE).mend ?? '', /in the ServiceEntry/);
  assert.match(diagnose([refused], WITH_PROXY).mend ?? '', /its proxy run.*tulle status/);
  const none: Facts = { ...NO_FACTS, endpoints: () => ({ ready: 0, all: 0, isExternal: false }) };
  assert.match(diagnose([client({ flags: ['UH'] })], none).mend ?? '', /selector of the Service/);
  assert.match(diagnose([client({ flags: ['UH'] })], WITH_PROXY).mend ?? '', /readiness probe/);
});
