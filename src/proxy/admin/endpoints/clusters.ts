import type { Cluster, Host } from '../../cluster/cluster.ts';
import { type AdminEndpoint, json, text } from '../endpoint.ts';
import type { AdminView, HostCounts } from '../view.ts';

/** Envoy's words for what speaks against a host: `healthy`, or flags as `/failed_active_hc/active_hc_timeout`. */
function healthText({ healthFlags }: HostCounts): string {
  return healthFlags.length === 0 ? 'healthy' : healthFlags.map((flag) => `/${flag}`).join('');
}

/** Fields of envoy.admin.v3.HostHealthStatus by health flag. */
const STATUS_FIELDS: Readonly<Record<string, string>> = {
  failed_active_hc: 'failed_active_health_check',
  failed_outlier_check: 'failed_outlier_check',
  degraded_active_hc: 'failed_active_degraded_check',
  pending_dynamic_removal: 'pending_dynamic_removal',
  pending_active_hc: 'pending_active_hc',
  excluded_via_immediate_hc_fail: 'excluded_via_immediate_hc_fail',
  active_hc_timeout: 'active_hc_timeout',
  tripped_failure_accrual: 'tripped_failure_accrual',
};

function healthJson({ healthFlags }: HostCounts): object {
  const isBad = healthFlags.includes('failed_eds_health');
  return {
    ...Object.fromEntries(healthFlags.flatMap((flag) => (STATUS_FIELDS[flag] === undefined ? [] : [[STATUS_FIELDS[flag], true]]))),
    eds_health_status: isBad ? 'UNHEALTHY' : healthFlags.includes('degraded_eds_health') ? 'DEGRADED' : 'HEALTHY',
  };
}

/** A host's counts of all event loops, and what speaks against it in any of them: each ejects hosts by itself. */
function countsOf(cluster: Cluster, host: Host, proxy: AdminView): HostCounts {
  const others = proxy.otherCounts(cluster.name, host.key);
  return {
    activeConnections: host.activeConnections + others.activeConnections,
    activeRequests: host.activeRequests + others.activeRequests,
    requestsTotal: host.requestsTotal.value + others.requestsTotal,
    healthFlags: [...new Set([...(host.healthFlags ?? []), ...others.healthFlags])],
  };
}

function hostLines(cluster: Cluster, host: Host, proxy: AdminView): string {
  const counts = countsOf(cluster, host, proxy);
  const fields = {
    cx_active: counts.activeConnections,
    rq_active: counts.activeRequests,
    rq_total: counts.requestsTotal,
    hostname: host.hostname,
    health_flags: healthText(counts),
    weight: host.weight,
    tls: host.transport.isTls,
  };
  let lines = '';
  for (const [name, value] of Object.entries(fields)) lines += `${cluster.name}::${host.key}::${name}::${value}\n`;
  return lines;
}

function clusterLines(cluster: Cluster, proxy: AdminView): string {
  const { name, limits } = cluster;
  let lines = `${name}::observability_name::${name}\n`;
  lines += `${name}::default_priority::max_connections::${limits.maxConnections}\n`;
  lines += `${name}::default_priority::max_pending_requests::${limits.maxPendingRequests}\n`;
  lines += `${name}::default_priority::max_requests::${limits.maxRequests}\n`;
  lines += `${name}::default_priority::max_retries::${limits.maxRetries}\n`;
  lines += `${name}::is_warm::${cluster.isWarm}\n`;
  for (const host of cluster.hosts) lines += hostLines(cluster, host, proxy);
  return lines;
}

function hostJson(cluster: Cluster, host: Host, proxy: AdminView): object {
  const counts = countsOf(cluster, host, proxy);
  const { host: address, port } = host.address;
  return {
    address: address.startsWith('/') ? { pipe: { path: address } } : { socket_address: { address, port_value: port } },
    stats: [
      { name: 'cx_active', value: String(counts.activeConnections), type: 'GAUGE' },
      { name: 'rq_active', value: String(counts.activeRequests), type: 'GAUGE' },
      { name: 'rq_total', value: String(counts.requestsTotal) },
    ],
    health_status: healthJson(counts),
    weight: host.weight,
    hostname: host.hostname,
  };
}

/** `Infinity` has no place in JSON; Envoy's "no limit" is the largest 32-bit number. */
function cap(value: number): number {
  return Number.isFinite(value) ? value : 0xffff_ffff;
}

function clusterJson(cluster: Cluster, proxy: AdminView): object {
  const { name, hosts, limits } = cluster;
  return {
    name,
    observability_name: name,
    added_via_api: true,
    host_statuses: hosts.map((host) => hostJson(cluster, host, proxy)),
    circuit_breakers: {
      thresholds: [
        {
          max_connections: cap(limits.maxConnections),
          max_pending_requests: cap(limits.maxPendingRequests),
          max_requests: cap(limits.maxRequests),
          max_retries: cap(limits.maxRetries),
        },
      ],
    },
  };
}

/** `/clusters`: limits and hosts with their counters; `?format=json` in the shape of envoy.admin.v3.Clusters. */
export const clusters: AdminEndpoint = {
  path: '/clusters',
  method: 'GET',
  help: 'upstream cluster status (?format=text|json)',
  handle(query, proxy) {
    const all: Cluster[] = [];
    proxy.clusters.forEach((cluster) => all.push(cluster));
    all.sort((a, b) => (a.name < b.name ? -1 : 1));
    if (query.get('format') === 'json') return json({ cluster_statuses: all.map((cluster) => clusterJson(cluster, proxy)) });
    return text(all.map((cluster) => clusterLines(cluster, proxy)).join(''));
  },
};
