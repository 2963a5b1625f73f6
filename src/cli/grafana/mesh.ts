/** The whole mesh: how much, how well, how fast, and who is not on mTLS. */
import { GRPC_FAULTS } from '../../core/grpc-status.ts';
import { type Dashboard, HALF, latency, p95By, quantile, rate, requestsBy } from './dashboard.ts';

const SERVED = 'reporter="destination"';
const BY_SERVICE = ['destination_service'] as const;
/** What `tulle stat` takes for failures of the server's, too. */
const FAULTS = [...GRPC_FAULTS].join('|');
const SUCCESS = `response_code!~"5.*|0", grpc_response_status!~"${FAULTS}"`;
const REQUESTS = 'istio_requests_total';
/** Requests that failed by either status: what `or` finds in both it counts once. */
const failures = ['response_code=~"5.*|0"', `grpc_response_status=~"${FAULTS}"`].map(
  (failed) => `rate(${REQUESTS}{${SERVED}, ${failed}}[$__rate_interval])`,
);

export const meshDashboard: Dashboard = {
  uid: 'tulle-mesh',
  title: 'Tulle / Mesh',
  about: 'Rate, errors, latency and mTLS of everything in the mesh, as the called proxies tell it.',
  variables: [],
  rows: [
    {
      title: 'Now',
      panels: [
        {
          title: 'Requests',
          kind: 'stat',
          unit: 'reqps',
          width: 4,
          queries: [{ expr: rate('istio_requests_total', SERVED, []), legend: 'requests' }],
        },
        {
          title: 'Success',
          kind: 'stat',
          unit: 'percentunit',
          width: 4,
          queries: [
            {
              expr: `${rate('istio_requests_total', `${SERVED}, ${SUCCESS}`, [])} / ${rate('istio_requests_total', SERVED, [])}`,
              legend: 'success',
            },
          ],
        },
        {
          title: 'p99',
          kind: 'stat',
          unit: 'ms',
          width: 4,
          queries: [{ expr: quantile(0.99, 'istio_request_duration_milliseconds', SERVED), legend: 'p99' }],
        },
        {
          title: 'On mTLS',
          kind: 'stat',
          unit: 'percentunit',
          width: 4,
          queries: [
            {
              expr: `${rate('istio_requests_total', `${SERVED}, connection_security_policy="mutual_tls"`, [])} / ${rate('istio_requests_total', SERVED, [])}`,
              legend: 'mTLS',
            },
          ],
        },
        {
          title: 'Denied',
          help: 'Requests and connections that a policy refused.',
          kind: 'stat',
          unit: 'reqps',
          width: 4,
          alarmFrom: 0.001,
          // nobody denied is a number, too
          queries: [{ expr: `${rate('tulle_denied_total', '', [])} or vector(0)`, legend: 'denied' }],
        },
        { title: 'Proxies', kind: 'stat', unit: 'short', width: 4, queries: [{ expr: 'pilot_xds', legend: 'connected' }] },
      ],
    },
    {
      title: 'Requests',
      panels: [
        requestsBy('Requests by service', SERVED, BY_SERVICE),
        {
          title: 'Failures by service',
          help: "Answers of 5xx, requests without an answer, gRPC statuses that are the server's fault; those that went nowhere are told by who called.",
          ...HALF,
          unit: 'reqps',
          queries: [
            {
              expr: `sum by (${BY_SERVICE.join(', ')}) (${failures.join(' or ')})`,
              legend: '{{destination_service}}',
              mayBeEmpty: true,
            },
            {
              expr: rate('istio_requests_total', 'reporter="source", response_flags=~".*(NR|UH|UF|UO|NC).*"', BY_SERVICE),
              legend: '{{destination_service}}, not sent',
              mayBeEmpty: true,
            },
          ],
        },
        latency(SERVED),
        p95By('p95 by service', SERVED, 'destination_service'),
        {
          title: 'Edges',
          help: 'Who calls whom, a second.',
          kind: 'table',
          unit: 'reqps',
          width: 24,
          queries: [
            {
              expr: rate('istio_requests_total', SERVED, [
                'source_workload_namespace',
                'source_workload',
                'destination_workload_namespace',
                'destination_workload',
                'connection_security_policy',
              ]),
              legend: '',
            },
          ],
        },
      ],
    },
    {
      title: 'TCP and denials',
      panels: [
        {
          title: 'TCP bytes by service',
          ...HALF,
          unit: 'Bps',
          queries: [
            { expr: rate('istio_tcp_sent_bytes_total', SERVED, BY_SERVICE), legend: '{{destination_service}} sent', mayBeEmpty: true },
            {
              expr: rate('istio_tcp_received_bytes_total', SERVED, BY_SERVICE),
              legend: '{{destination_service}} received',
              mayBeEmpty: true,
            },
          ],
        },
        {
          title: 'Denied by policy',
          ...HALF,
          unit: 'reqps',
          queries: [
            {
              expr: rate('tulle_denied_total', '', ['policy', 'reason', 'destination_workload']),
              legend: '{{destination_workload}} {{reason}} {{policy}}',
              mayBeEmpty: true,
            },
          ],
        },
      ],
    },
  ],
};
