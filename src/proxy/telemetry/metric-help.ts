/** Metrics with labels of their own, Istio's and Tulle's: what they are. The reference's table and `# HELP` are made of this. */
import type { StatKind } from './registry.ts';

export interface MetricHelp {
  readonly kind: StatKind;
  readonly help: string;
}

const EDGE = 'by caller, called workload and service';

/** By name. Source of Istio's: istio.io, "Istio Standard Metrics". */
export const METRICS: ReadonlyMap<string, MetricHelp> = new Map(
  Object.entries({
    istio_requests_total: { kind: 'counter', help: `Requests, ${EDGE}, and by how they went.` },
    istio_request_duration_milliseconds: { kind: 'histogram', help: `How long requests took, ${EDGE}.` },
    istio_request_bytes: { kind: 'histogram', help: `Bytes of requests' bodies, ${EDGE}.` },
    istio_response_bytes: { kind: 'histogram', help: `Bytes of responses' bodies, ${EDGE}.` },
    istio_request_messages_total: { kind: 'counter', help: `gRPC messages of requests, ${EDGE}.` },
    istio_response_messages_total: { kind: 'counter', help: `gRPC messages of responses, ${EDGE}.` },
    istio_tcp_connections_opened_total: { kind: 'counter', help: `TCP connections opened, ${EDGE}.` },
    istio_tcp_connections_closed_total: { kind: 'counter', help: `TCP connections closed, ${EDGE}.` },
    istio_tcp_sent_bytes_total: { kind: 'counter', help: `Bytes sent to callers over TCP, ${EDGE}.` },
    istio_tcp_received_bytes_total: { kind: 'counter', help: `Bytes received from callers over TCP, ${EDGE}.` },
    tulle_route_duration_milliseconds: {
      kind: 'histogram',
      help: 'How long requests took by route and result, as their caller saw it; a route is named by the resource that it was written in.',
    },
    tulle_denied_total: { kind: 'counter', help: `Requests and connections that a policy refused, ${EDGE}, and by reason and policy.` },
    tulle_event_loop_delay_milliseconds: { kind: 'histogram', help: 'How late the event loop came to a timer, twice a second.' },
    tulle_time_in_proxy_milliseconds: {
      kind: 'histogram',
      help: 'What the proxy itself adds to a request that is answered by its first attempt, by direction: its time less that of the upstream.',
    },
    tulle_gc_pause_milliseconds: { kind: 'histogram', help: 'How long collections took, by kind, since the first scrape.' },
    process_cpu_seconds_total: { kind: 'counter', help: 'CPU time of the process, user and system.' },
    process_resident_memory_bytes: { kind: 'gauge', help: 'Resident memory of the process.' },
    process_start_time_seconds: { kind: 'gauge', help: 'When the process began, since the epoch.' },
  } satisfies Record<string, MetricHelp>),
);
