/** One proxy's word about a request or connection: from its access log, or from a flow record. */
import { GRPC_FAULTS } from '../../core/grpc-status.ts';
import type { Flow } from '../../model/flow.ts';
import { proxyNameOf } from '../../model/node-id.ts';
import type { Provenance } from '../../model/provenance.ts';
import type { Passage } from '../explain/log-line.ts';
import { workloadOf } from '../explain/past-request.ts';

export interface Hop {
  /** `frontend-0.shop`, or the log's name. */
  readonly proxy: string;
  /** `server`: the proxy of the one that was called. */
  readonly side: 'client' | 'server' | 'gateway';
  /** ms since 1970; NaN where the line does not say. */
  readonly startMs: number;
  /** NaN where the line does not say. */
  readonly durationMs: number;
  /** `GET orders:8080/charge`, or `a connection to db:5432`. */
  readonly what: string;
  /** 0 where there was no answer. */
  readonly status: number;
  /** 0 where it is none of gRPC's. */
  readonly grpcStatus: number;
  readonly flags: readonly string[];
  readonly details: string;
  readonly cluster: string;
  /** Address of the host that was chosen; empty for none. */
  readonly host: string;
  /** Workloads as `namespace/name`, empty where unknown. */
  readonly source: string;
  readonly destination: string;
  /** What was called, for people. */
  readonly service: string;
  /** Absent where the line does not say. */
  readonly isMutualTls?: boolean;
  readonly policy?: Provenance;
  readonly routeOrigin?: Provenance;
}

/** Host of a cluster's name, as Istio writes it: `outbound|8080|v1|cart.shop.svc.cluster.local`. */
function hostIn(cluster: string): string {
  return cluster.split('|')[3] ?? '';
}

function ended({ namespace, workload }: Flow['source']): string {
  return workload === '' ? '' : `${namespace}/${workload}`;
}

/** Reads a flow record. */
export function hopOfFlow(flow: Flow): Hop {
  const { request, destination, service } = flow;
  const called = service === '' ? destination.address : service;
  return {
    proxy: proxyNameOf(flow.proxy),
    side: flow.reporter === 'destination' ? 'server' : flow.reporter === 'source' ? 'client' : 'gateway',
    startMs: flow.startMs,
    durationMs: flow.durationMs,
    what: request === undefined ? `a connection to ${called}` : `${request.method} ${request.authority}${request.path}`,
    status: request?.status ?? 0,
    grpcStatus: request?.grpcStatus ?? 0,
    flags: flow.flags,
    details: flow.details,
    cluster: flow.cluster,
    host: flow.reporter === 'destination' ? '' : destination.address,
    source: ended(flow.source),
    destination: ended(destination),
    service: called,
    ...(!flow.isMutualTls && { isMutualTls: false }),
    ...(flow.policy && { policy: flow.policy }),
    ...(flow.routeOrigin && { routeOrigin: flow.routeOrigin }),
  };
}

/** Reads a line of an access log. */
export function hopOfPassage(passage: Passage): Hop {
  const { proxy, cluster, flags } = passage;
  const isServer = cluster.startsWith('inbound|') || cluster === 'InboundPassthroughCluster';
  const { namespace, name } = workloadOf(proxy);
  const own = proxy === '' ? '' : `${namespace ?? ''}/${name}`;
  const isRequest = passage.method !== '';
  const service = hostIn(cluster) || passage.authority;
  return {
    proxy,
    side: isServer ? 'server' : 'client',
    startMs: Date.parse(passage.startTime),
    durationMs: passage.durationMs === '' ? Number.NaN : Number(passage.durationMs),
    what: isRequest ? `${passage.method} ${passage.authority}${passage.path}` : `a connection to ${service || passage.host}`,
    status: Number(passage.status) || 0,
    grpcStatus: 0,
    flags: flags.split(',').filter((flag) => flag !== ''),
    details: passage.details,
    cluster,
    host: isServer ? '' : passage.host,
    source: isServer ? '' : own,
    destination: isServer ? own : '',
    service,
  };
}

/** Flags of what went on as it should have. */
const HARMLESS: ReadonlySet<string> = new Set(['DI', 'RFCF']);

/** True where somebody would ask why. */
export function isFailure({ status, grpcStatus, flags, what }: Hop): boolean {
  if (status >= 400 || GRPC_FAULTS.has(grpcStatus) || flags.some((flag) => !HARMLESS.has(flag))) return true;
  return status === 0 && !what.startsWith('a connection');
}
