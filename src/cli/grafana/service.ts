/** One service: who calls it, what it answers, and by which route. */
import { type Dashboard, quantile, quantiles, rate } from './dashboard.ts';

const OF = 'destination_service=~"$service"';
const SERVED = `reporter="destination", ${OF}`;
const CALLED = `reporter="source", ${OF}`;

export const serviceDashboard: Dashboard = {
  uid: 'tulle-service',
  title: 'Tulle / Service',
  about: 'Golden signals of a service by caller, status, workload and route.',
  variables: [{ name: 'service', label: 'Service', query: 'label_values(istio_requests_total, destination_service)', isMulti: true }],
  rows: [
    {
      title: 'Served',
      panels: [
        {
          title: 'Requests by status',
          kind: 'timeseries',
          unit: 'reqps',
          width: 12,
          queries: [{ expr: rate('istio_requests_total', SERVED, ['response_code']), legend: '{{response_code}}' }],
        },
        { title: 'Latency', kind: 'timeseries', unit: 'ms', width: 12, queries: quantiles('istio_request_duration_milliseconds', SERVED) },
        {
          title: 'Requests by caller',
          kind: 'timeseries',
          unit: 'reqps',
          width: 12,
          queries: [{ expr: rate('istio_requests_total', SERVED, ['source_workload']), legend: '{{source_workload}}' }],
        },
        {
          title: 'Requests by workload',
          help: 'Weights of a canary show here.',
          kind: 'timeseries',
          unit: 'reqps',
          width: 12,
          queries: [
            {
              expr: rate('istio_requests_total', SERVED, ['destination_workload', 'destination_version']),
              legend: '{{destination_workload}} {{destination_version}}',
            },
          ],
        },
        {
          title: 'p95 by workload',
          kind: 'timeseries',
          unit: 'ms',
          width: 12,
          queries: [
            {
              expr: quantile(0.95, 'istio_request_duration_milliseconds', SERVED, ['destination_workload']),
              legend: '{{destination_workload}}',
            },
          ],
        },
        {
          title: 'Bytes',
          kind: 'timeseries',
          unit: 'Bps',
          width: 12,
          queries: [
            { expr: rate('istio_response_bytes_sum', SERVED, []), legend: 'responses' },
            { expr: rate('istio_request_bytes_sum', SERVED, []), legend: 'requests' },
          ],
        },
      ],
    },
    {
      title: 'As callers see it',
      panels: [
        {
          title: 'Requests by response flags',
          help: 'NR no route, UH no healthy host, UF not connected, UO overflow, UT timeout, URX retries used up.',
          kind: 'timeseries',
          unit: 'reqps',
          width: 12,
          queries: [{ expr: rate('istio_requests_total', CALLED, ['response_flags']), legend: '{{response_flags}}' }],
        },
        { title: 'Latency', kind: 'timeseries', unit: 'ms', width: 12, queries: quantiles('istio_request_duration_milliseconds', CALLED) },
        {
          title: 'Requests by route',
          kind: 'timeseries',
          unit: 'reqps',
          width: 12,
          queries: [{ expr: rate('tulle_route_duration_milliseconds_count', OF, ['route', 'result']), legend: '{{route}} {{result}}' }],
        },
        {
          title: 'p95 by route',
          kind: 'timeseries',
          unit: 'ms',
          width: 12,
          queries: [{ expr: quantile(0.95, 'tulle_route_duration_milliseconds', OF, ['route']), legend: '{{route}}' }],
        },
      ],
    },
  ],
};
