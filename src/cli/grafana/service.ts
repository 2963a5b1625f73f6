/** One service: who calls it, what it answers, and by which route. */
import { type Dashboard, HALF, latency, p95By, rate, requestsBy, traffic } from './dashboard.ts';

const OF = 'destination_service=~"$service"';
const SERVED = `reporter="destination", ${OF}`;
const CALLED = `reporter="source", ${OF}`;

export const serviceDashboard: Dashboard = {
  uid: 'tulle-service',
  title: 'Tulle / Service',
  about: 'Golden signals of a service by caller, status, workload and route.',
  variables: [
    {
      name: 'service',
      label: 'Service',
      expr: `group by (destination_service) (${traffic()})`,
      choice: 'destination_service',
      isMulti: true,
    },
  ],
  rows: [
    {
      title: 'Served',
      panels: [
        requestsBy('Requests by status', SERVED, ['response_code']),
        latency(SERVED),
        requestsBy('Requests by caller', SERVED, ['source_workload']),
        requestsBy('Requests by workload', SERVED, ['destination_workload', 'destination_version'], 'Weights of a canary show here.'),
        p95By('p95 by workload', SERVED, 'destination_workload'),
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
        requestsBy(
          'Requests by response flags',
          CALLED,
          ['response_flags'],
          'NR no route, UH no healthy host, UF not connected, UO overflow, UT timeout, URX retries used up.',
        ),
        latency(CALLED),
        {
          title: 'Requests by route',
          ...HALF,
          unit: 'reqps',
          queries: [{ expr: rate('tulle_route_duration_milliseconds_count', OF, ['route', 'result']), legend: '{{route}} {{result}}' }],
        },
        p95By('p95 by route', OF, 'route', 'tulle_route_duration_milliseconds'),
      ],
    },
  ],
};
