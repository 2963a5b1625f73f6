/** Streams and connections for tests of what only reads them. */
import { silentLog } from '../../../core/log.ts';
import type { Connection } from '../../../net/connection.ts';
import { headersOf } from '../../../wire/http/headers.ts';
import type { RequestHead, ResponseHead } from '../../../wire/http/message.ts';
import type { FilterScope, HttpStream, LocalReply } from '../../http/filter.ts';
import type { StreamInfo } from '../../http/stream-info.ts';
import type { DownstreamConnection, PeerTls } from '../../listener/connection.ts';
import { createStats, type StatsRegistry } from '../registry.ts';

type Fields = Readonly<Record<string, string>>;

export function fakeTls(uriSan: string, more: Partial<PeerTls> = {}): PeerTls {
  return {
    uriSans: [uriSan],
    dnsSans: [],
    subject: '',
    fingerprint: 'ab12',
    protocol: 'TLSv1.3',
    cipher: 'TLS_AES_128_GCM_SHA256',
    alpn: 'istio',
    localUriSans: ['spiffe://cluster.local/ns/shop/sa/cart'],
    ...more,
  };
}

export function fakeConnection(more: Partial<DownstreamConnection> = {}): DownstreamConnection {
  return {
    id: 7,
    remote: { host: '10.0.0.1', port: 40000 },
    local: { host: '10.0.0.2', port: 8080 },
    isRedirected: true,
    requestedServerName: '',
    tls: undefined,
    principal: more.tls?.uriSans[0] ?? '',
    direction: 'inbound',
    listenerName: 'virtualInbound',
    filterChainName: 'chain',
    memo: new Map(),
    ...more,
  };
}

/** A connection on which nothing happens. `more` takes the place of its parts. */
export function idleConnection(more: Partial<Connection> = {}): Connection {
  return {
    local: { host: '::1', port: 1 },
    remote: { host: '::1', port: 2 },
    isClosed: false,
    pendingBytes: 0,
    read() {},
    writeText: () => true,
    writeBytes: () => true,
    gatherWrites() {},
    end() {},
    destroy() {},
    pause() {},
    resume() {},
    ...more,
  };
}

/** What network filters are made with, besides what HTTP filters are. */
export function fakeNetworkScope(scope: FilterScope) {
  return {
    ...scope,
    clusters: { get: () => undefined, request() {}, forEach() {} },
    routes: () => ({ current: () => undefined }),
    isDraining: () => false,
    logSink: { target: () => ({ write() {} }) },
  };
}

export function fakeRequest(head: Partial<Omit<RequestHead, 'headers'>> = {}, headers: Fields = {}): RequestHead {
  return {
    method: 'GET',
    path: '/',
    authority: 'cart',
    scheme: 'http',
    protocol: 'HTTP/1.1',
    contentLength: 0,
    ...head,
    headers: headersOf(Object.entries(headers)),
  };
}

export function fakeResponse(status: number, headers: Fields = {}): ResponseHead {
  return { status, contentLength: 0, headers: headersOf(Object.entries(headers)) };
}

export function fakeInfo(more: Partial<StreamInfo> = {}): StreamInfo {
  return {
    connection: fakeConnection(),
    protocol: 'HTTP/1.1',
    request: fakeRequest(),
    response: undefined,
    responseCode: 200,
    responseCodeDetails: 'via_upstream',
    terminationDetails: '',
    flags: 0,
    startWallMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    startMs: 1000,
    requestEndMs: 1002,
    firstUpstreamByteMs: 1010.5,
    upstreamSendMs: 1005,
    upstreamSentMs: 1006,
    upstreamEndMs: 1012,
    endMs: 1020.75,
    bytesReceived: 3,
    bytesSent: 5,
    route: undefined,
    routeName: '',
    virtualHostName: '',
    cluster: undefined,
    clusterName: '',
    upstream: undefined,
    upstreamLocalAddress: '',
    upstreamTransportFailure: '',
    attempts: 1,
    metadata: new Map(),
    ...more,
  };
}

export interface FakeStream extends HttpStream {
  readonly replies: LocalReply[];
}

export function fakeStream(more: { info?: StreamInfo; response?: ResponseHead; perRoute?: unknown } = {}): FakeStream {
  const info = more.info ?? fakeInfo();
  const replies: LocalReply[] = [];
  return {
    request: info.request ?? fakeRequest(),
    response: more.response,
    info,
    connection: info.connection,
    route: info.route,
    replies,
    refreshRoute() {},
    reply: (reply) => void replies.push(reply),
    resumeRequest() {},
    resumeResponse() {},
    collect() {},
    collectResponse() {},
    isGrpcWeb: false,
    passRequestData() {},
    passResponseData() {},
    requestTrailers: undefined,
    responseTrailers: undefined,
    overrideHost: undefined,
    perRoute: () => more.perRoute,
    after() {},
  };
}

export function fakeScope(more: Partial<FilterScope> = {}): FilterScope & { readonly stats: StatsRegistry } {
  const stats = createStats();
  return {
    name: 'filter',
    chain: {},
    random: () => 0.5,
    clock: { monotonicMs: () => 0, wallMs: () => 0 },
    log: silentLog,
    node: { id: 'sidecar~10.0.0.2~cart-1.shop~shop.svc.cluster.local', cluster: 'cart.shop', metadata: {} },
    direction: 'inbound',
    listenerMetadata: {},
    clusters: { get: () => undefined, request: (_name, _timeoutMs, callback) => callback(undefined), forEach() {} },
    rootStats: stats,
    isDraining: () => false,
    isFailingHealthChecks: () => false,
    ...more,
    stats,
  };
}
