/** One service: who calls it, what it answers, and by which route. */
import { type Dashboard, HALF, quantile, quantiles, rate } from './dashboard.ts';

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
          ...HALF,
          unit: 'reqps',
          queries: [{ expr: rate('istio_requests_total', SERVED, ['response_code']), legend: '{{response_code}}' }],
        },
        { title: 'Latency', ...HALF, unit: 'ms', queries: quantiles('istio_request_duration_milliseconds', SERVED) },
        {
          title: 'Requests by caller',
          ...HALF,
          unit: 'reqps',
          queries: [{ expr: rate('istio_requests_total', SERVED, ['source_workload']), legend: '{{source_workload}}' }],
        },
        {
          title: 'Requests by workload',
          help: 'Weights of a canary show here.',
          ...HALF,
          unit: 'reqps',
          queries: [
            {
              expr: rate('istio_requests_total', SERVED, ['destination_workload', 'destination_version']),
              legend: '{{destination_workload}} {{destination_version}}',
            },
          ],
        },
        {
          title: 'p95 by workload',
          ...HALF,
          unit: 'ms',
          queries: [
            {
              expr: quantile(0.95, 'istio_request_duration_milliseconds', SERVED, ['destination_workload']),
              legend: '{{destination_workload}}',
            },
          ],
        },
        {
          title: 'Bytes',
          ...HALF,
          unit: 'Bps',
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
          ...HALF,
          unit: 'reqps',
          queries: [{ expr: rate('istio_requests_total', CALLED, ['response_flags']), legend: '{{response_flags}}' }],
        },
        { title: 'Latency', ...HALF, unit: 'ms', queries: quantiles('istio_request_duration_milliseconds', CALLED) },
        {
          title: 'Requests by route',
          ...HALF,
          unit: 'reqps',
          queries: [{ expr: rate('tulle_route_duration_milliseconds_count', OF, ['route', 'result']), legend: '{{route}} {{result}}' }],
        },
        {
          title: 'p95 by route',
          ...HALF,
          unit: 'ms',
          queries: [{ expr: quantile(0.95, 'tulle_route_duration_milliseconds', OF, ['route']), legend: '{{route}}' }],
        },
      ],
    },
  ],
};
