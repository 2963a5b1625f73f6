/** One workload: what it serves, and what it calls. */
import { type Dashboard, HALF, latency, ofEitherEnd, p95By, rate, requestsBy } from './dashboard.ts';

const SERVES = 'reporter="destination", destination_workload_namespace=~"$namespace", destination_workload=~"$workload"';
const CALLS = 'reporter="source", source_workload_namespace=~"$namespace", source_workload=~"$workload"';

export const workloadDashboard: Dashboard = {
  uid: 'tulle-workload',
  title: 'Tulle / Workload',
  about: 'Golden signals of a workload in both directions.',
  variables: [
    { name: 'namespace', label: 'Namespace', expr: ofEitherEnd('workload_namespace'), choice: 'workload_namespace', isMulti: true },
    {
      name: 'workload',
      label: 'Workload',
      expr: ofEitherEnd('workload', (end) => [`${end}_workload_namespace=~"$namespace"`]),
      choice: 'workload',
      isMulti: true,
    },
  ],
  rows: [
    {
      title: 'Serves',
      panels: [
        requestsBy('Requests by status', SERVES, ['response_code']),
        latency(SERVES),
        requestsBy('Requests by caller', SERVES, ['source_workload', 'connection_security_policy']),
        {
          title: 'TCP connections',
          ...HALF,
          unit: 'cps',
          queries: [
            {
              expr: rate('istio_tcp_connections_opened_total', SERVES, ['source_workload']),
              legend: '{{source_workload}}',
              mayBeEmpty: true,
            },
          ],
        },
      ],
    },
    {
      title: 'Calls',
      panels: [
        requestsBy('Requests by service', CALLS, ['destination_service', 'response_code']),
        p95By('p95 by service', CALLS, 'destination_service'),
        {
          title: 'gRPC messages',
          ...HALF,
          unit: 'cps',
          queries: [
            {
              expr: rate('istio_request_messages_total', CALLS, ['destination_service']),
              legend: '{{destination_service}} sent',
              mayBeEmpty: true,
            },
            {
              expr: rate('istio_response_messages_total', CALLS, ['destination_service']),
              legend: '{{destination_service}} received',
              mayBeEmpty: true,
            },
          ],
        },
        {
          title: 'TCP bytes',
          ...HALF,
          unit: 'Bps',
          queries: [
            {
              expr: rate('istio_tcp_sent_bytes_total', CALLS, ['destination_service']),
              legend: '{{destination_service}}',
              mayBeEmpty: true,
            },
          ],
        },
      ],
    },
  ],
};
