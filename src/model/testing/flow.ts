/** Flows for tests, with everything that a case does not care about filled in. */
import type { Flow, FlowEnd, FlowRequest } from '../flow.ts';

/** One end, by the workload's name. */
export function endOf(workload: string, parts: Partial<FlowEnd> = {}): FlowEnd {
  return { namespace: 'shop', workload, address: '10.0.0.1:1234', principal: `spiffe://cluster.local/ns/shop/sa/${workload}`, ...parts };
}

/** A GET that was answered 200. */
export function requestOf(parts: Partial<FlowRequest> = {}): FlowRequest {
  return { method: 'GET', authority: 'payments.shop', path: '/pay', status: 200, ...parts };
}

/** A request from web to payments. */
export function flowOf(parts: Partial<Flow> = {}): Flow {
  return {
    id: 'a1',
    proxy: 'sidecar~10.0.0.1~web-0.shop~shop.svc.cluster.local',
    reporter: 'source',
    startMs: 1000,
    receivedMs: 2000,
    durationMs: 12.5,
    upstreamMs: 10,
    protocol: 'http',
    source: endOf('web'),
    destination: endOf('payments'),
    service: 'payments.shop.svc.cluster.local',
    cluster: 'outbound|80||payments.shop.svc.cluster.local',
    verdict: 'forwarded',
    flags: [],
    details: 'via_upstream',
    route: 'default',
    isMutualTls: true,
    bytesSent: 100,
    bytesReceived: 0,
    traceId: '',
    request: requestOf(),
    ...parts,
  };
}
