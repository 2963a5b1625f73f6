/** The control plane: pushes, how fast they arrive, what proxies refuse, certificates, and what it costs. */
import { type Dashboard, HALF, quantile, rate } from './dashboard.ts';

export const controlPlaneDashboard: Dashboard = {
  uid: 'tulle-control-plane',
  title: 'Tulle / Control plane',
  about: 'What the control plane sends, how fast it is in force, and what it costs.',
  variables: [],
  rows: [
    {
      title: 'Configuration',
      panels: [
        { title: 'Proxies', kind: 'stat', unit: 'short', width: 6, queries: [{ expr: 'pilot_xds', legend: 'connected' }] },
        { title: 'Services', kind: 'stat', unit: 'short', width: 6, queries: [{ expr: 'pilot_services', legend: 'services' }] },
        {
          title: 'What is wrong with the sources',
          kind: 'stat',
          unit: 'short',
          width: 6,
          alarmFrom: 1,
          queries: [{ expr: 'tulle_diagnostics', legend: '{{severity}}' }],
        },
        {
          title: 'Root certificate ends',
          kind: 'stat',
          unit: 's',
          width: 6,
          queries: [{ expr: 'citadel_server_root_cert_expiry_timestamp - time()', legend: 'left' }],
        },
        {
          title: 'Pushes',
          ...HALF,
          unit: 'cps',
          queries: [{ expr: rate('pilot_xds_pushes', '', ['type']), legend: '{{type}}' }],
        },
        {
          title: 'Refused by proxies',
          help: 'Each is a configuration that a proxy does not obey: tulle status says why.',
          ...HALF,
          unit: 'cps',
          queries: [{ expr: rate('pilot_total_xds_rejects', '', ['type']), legend: '{{type}}' }],
        },
        {
          title: 'From an edit to every proxy',
          ...HALF,
          unit: 's',
          queries: [0.5, 0.99].map((q) => ({
            expr: quantile(q, 'pilot_proxy_convergence_time', ''),
            legend: `p${q * 100}`,
            mayBeEmpty: true as const,
          })),
        },
        {
          title: 'Certificates',
          ...HALF,
          unit: 'cps',
          queries: [
            { expr: rate('citadel_server_csr_count', '', []), legend: 'asked for' },
            { expr: rate('citadel_server_success_cert_issuance_count', '', []), legend: 'issued' },
          ],
        },
      ],
    },
    {
      title: 'Cost',
      panels: [
        {
          title: 'Memory',
          ...HALF,
          unit: 'bytes',
          queries: [{ expr: 'process_resident_memory_bytes{job="tulle-control"}', legend: 'resident' }],
        },
        {
          title: 'CPU',
          ...HALF,
          unit: 'percentunit',
          queries: [{ expr: 'rate(process_cpu_seconds_total{job="tulle-control"}[$__rate_interval])', legend: 'of one core' }],
        },
        {
          title: 'What proxies push',
          ...HALF,
          unit: 'Bps',
          queries: [{ expr: rate('tulle_signals_received_bytes_total', '', []), legend: 'metrics' }],
        },
        {
          title: 'Golden signals kept',
          ...HALF,
          unit: 'bytes',
          queries: [{ expr: 'tulle_signals_memory_bytes', legend: 'memory, at most 64 MiB' }],
        },
      ],
    },
  ],
};
