/** What the mesh adds: latency between what callers and called proxies measure, and what proxies take of the machine. */
import { type Dashboard, HALF, quantile, rate } from './dashboard.ts';

const DURATION = 'istio_request_duration_milliseconds';
const PROXIES = 'job="tulle-proxies"';

/** Mean of a side's durations, of requests that both sides tell of. */
function mean(side: string): string {
  const matchers = `reporter="${side}", connection_security_policy!="none", response_flags!~".*(NR|UH|UF|UO|NC).*"`;
  const by = ['destination_service'];
  return `${rate(`${DURATION}_sum`, matchers, by)} / ${rate(`${DURATION}_count`, matchers, by)}`;
}

export const taxDashboard: Dashboard = {
  uid: 'tulle-tax',
  title: 'Tulle / Latency tax',
  about: 'What being in the mesh costs: time on the way between two proxies, CPU, memory, collections and late event loops.',
  variables: [],
  rows: [
    {
      title: 'Latency',
      panels: [
        {
          title: 'Between the proxies, on average',
          help: "What the caller's proxy measures beyond what the called one does: the network, mTLS, and the caller's own proxy.",
          ...HALF,
          unit: 'ms',
          queries: [{ expr: `(${mean('source')}) - (${mean('destination')})`, legend: '{{destination_service}}' }],
        },
        {
          title: 'In the proxy itself',
          help: 'What a proxy adds to a request: all of its time there but that between the first byte to the host and the last one of its answer.',
          ...HALF,
          unit: 'ms',
          queries: [0.5, 0.99].map((q) => ({
            expr: quantile(q, 'tulle_time_in_proxy_milliseconds', PROXIES, ['direction']),
            legend: `p${q * 100} {{direction}}`,
          })),
        },
        {
          title: 'How late event loops are, p99',
          ...HALF,
          unit: 'ms',
          alarmFrom: 50,
          queries: [{ expr: quantile(0.99, 'tulle_event_loop_delay_milliseconds', PROXIES, ['instance']), legend: '{{instance}}' }],
        },
        {
          title: 'Collections, p99',
          ...HALF,
          unit: 'ms',
          queries: [{ expr: quantile(0.99, 'tulle_gc_pause_milliseconds', PROXIES, ['kind']), legend: '{{kind}}', mayBeEmpty: true }],
        },
      ],
    },
    {
      title: 'Cost',
      panels: [
        {
          title: 'CPU by proxy',
          ...HALF,
          unit: 'percentunit',
          queries: [{ expr: `rate(process_cpu_seconds_total{${PROXIES}}[$__rate_interval])`, legend: '{{instance}}' }],
        },
        {
          title: 'CPU of a request',
          ...HALF,
          unit: 's',
          queries: [
            {
              expr: `${rate('process_cpu_seconds_total', PROXIES, [])} / ${rate('istio_requests_total', PROXIES, [])}`,
              legend: 'in each proxy on its way',
            },
          ],
        },
        {
          title: 'Memory by proxy',
          ...HALF,
          unit: 'bytes',
          queries: [{ expr: `process_resident_memory_bytes{${PROXIES}}`, legend: '{{instance}}' }],
        },
        {
          title: 'Connections of clients',
          ...HALF,
          unit: 'short',
          queries: [{ expr: `sum by (instance) (envoy_http_downstream_cx_active{${PROXIES}})`, legend: '{{instance}}' }],
        },
      ],
    },
  ],
};
