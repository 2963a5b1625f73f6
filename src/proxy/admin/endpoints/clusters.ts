import type { Cluster, Host } from '../../cluster/cluster.ts';
import { type AdminEndpoint, json, text } from '../endpoint.ts';

function healthOf(host: Host): 'HEALTHY' | 'UNHEALTHY' | 'DRAINING' {
  if (host.isDraining) return 'DRAINING';
  return host.isHealthy ? 'HEALTHY' : 'UNHEALTHY';
}

function hostLines(cluster: Cluster, host: Host): string {
  const fields = {
    cx_active: host.activeConnections,
    rq_active: host.activeRequests,
    rq_total: host.requestsTotal.value,
    hostname: host.hostname,
    health_flags: healthOf(host) === 'HEALTHY' ? 'healthy' : `/${healthOf(host).toLowerCase()}`,
    weight: host.weight,
    tls: host.transport.isTls,
  };
  let lines = '';
  for (const [name, value] of Object.entries(fields)) lines += `${cluster.name}::${host.key}::${name}::${value}\n`;
  return lines;
}

function clusterLines(cluster: Cluster): string {
  const { name, limits } = cluster;
  let lines = `${name}::observability_name::${name}\n`;
  lines += `${name}::default_priority::max_connections::${limits.maxConnections}\n`;
  lines += `${name}::default_priority::max_pending_requests::${limits.maxPendingRequests}\n`;
  lines += `${name}::default_priority::max_requests::${limits.maxRequests}\n`;
  lines += `${name}::default_priority::max_retries::${limits.maxRetries}\n`;
  lines += `${name}::is_warm::${cluster.isWarm}\n`;
  for (const host of cluster.hosts) lines += hostLines(cluster, host);
  return lines;
}

function hostJson(host: Host): object {
  const { host: address, port } = host.address;
  return {
    address: address.startsWith('/') ? { pipe: { path: address } } : { socket_address: { address, port_value: port } },
    stats: [
      { name: 'cx_active', value: String(host.activeConnections), type: 'GAUGE' },
      { name: 'rq_active', value: String(host.activeRequests), type: 'GAUGE' },
      { name: 'rq_total', value: String(host.requestsTotal.value) },
    ],
    health_status: { eds_health_status: healthOf(host) },
    weight: host.weight,
    hostname: host.hostname,
  };
}

/** `Infinity` has no place in JSON; Envoy's "no limit" is the largest 32-bit number. */
function cap(value: number): number {
  return Number.isFinite(value) ? value : 0xffff_ffff;
}

function clusterJson({ name, hosts, limits }: Cluster): object {
  return {
    name,
    observability_name: name,
    added_via_api: true,
    host_statuses: hosts.map(hostJson),
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
    if (query.get('format') === 'json') return json({ cluster_statuses: all.map(clusterJson) });
    return text(all.map(clusterLines).join(''));
  },
};
