import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { afterEach, test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { until } from '../../core/testing/eventually.ts';
import { systemClock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { HeaderBlock } from '../../wire/http/headers.ts';
import { ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { buildCluster, type MutableCluster } from '../cluster/build-cluster.ts';
import { seededRandom } from '../cluster/testing/fake-hosts.ts';
import { noSecrets } from '../cluster/testing/no-secrets.ts';
import { createStats } from '../telemetry/registry.ts';

const open: { close: () => unknown }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

async function listen(server: net.Server): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  open.push({
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
  const bound = server.address();
  return typeof bound === 'object' && bound !== null ? bound.port : 0;
}

/** A cluster that is checked often, what it logs, and its statistics. */
function build(check: JsonObject, ports: readonly number[], config: JsonObject = {}) {
  const lines: Record<string, unknown>[] = [];
  const stats = createStats();
  const common = { timeout: '5s', interval: '0.01s', noTrafficInterval: '0.01s', unhealthyThreshold: 1, healthyThreshold: 1 };
  const health = { ...common, eventLogPath: '/events', ...check };
  const message = fromJson(ClusterSchema, { name: 'c', healthChecks: [health], loadAssignment: assignmentOf(ports), ...config });
  const cluster = buildCluster(message, 'clusters[0]', {
    stats,
    clock: systemClock,
    random: seededRandom(1),
    secrets: noSecrets,
    log: silentLog,
    logSink: { target: () => ({ write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) }) },
  });
  open.push(cluster);
  return { cluster, lines, gauge: (name: string) => stats.scope('cluster.c').gauge(`health_check.${name}`).value };
}

function assignmentOf(ports: readonly number[]): JsonObject {
  const lbEndpoints = ports.map((portValue) => ({ endpoint: { address: { socketAddress: { address: '127.0.0.1', portValue } } } }));
  return { clusterName: 'c', endpoints: [{ lbEndpoints }] };
}

const warm = (cluster: MutableCluster): Promise<void> => new Promise((resolve) => cluster.onWarm(resolve));
const flags = (cluster: MutableCluster): string[] => cluster.hosts.map(({ healthFlags = [] }) => healthFlags.join(' '));

test('a cluster is warm when each host has had a check, and hosts follow their checks from there', async () => {
  const moods = [200, 500];
  const ports = await Promise.all(
    moods.map((_, i) => listen(http.createServer((_request, response) => response.writeHead(moods[i] ?? 500).end()))),
  );
  const { cluster, lines, gauge } = build({ httpHealthCheck: { path: '/' } }, ports);
  assert.equal(cluster.isWarm, false);
  assert.deepEqual(flags(cluster), ['failed_active_hc', 'failed_active_hc'], 'nobody knows yet');
  await warm(cluster);
  assert.deepEqual([flags(cluster), gauge('healthy')], [['', 'failed_active_hc'], 1]);
  moods.reverse();
  await until(() => flags(cluster).join() === 'failed_active_hc,');
  await until(
    () => lines.some((line) => 'eject_unhealthy_event' in line) && lines.filter((line) => 'add_healthy_event' in line).length === 2,
  );
});

test('connections of checks are used again, and close with the cluster', async () => {
  const sockets: net.Socket[] = [];
  let checks = 0;
  const server = http.createServer((_request, response) => {
    checks++;
    response.end();
  });
  server.on('connection', (socket) => sockets.push(socket));
  const { cluster } = build({ httpHealthCheck: { path: '/' } }, [await listen(server)]);
  await until(() => checks > 3);
  assert.equal(sockets.length, 1);
  cluster.close();
  await until(() => sockets.every((socket) => socket.destroyed));
});

test('a check that takes too long fails, whatever comes later', async () => {
  const late: net.Socket[] = [];
  const port = await listen(net.createServer((socket) => void late.push(socket)));
  const { cluster } = build({ tcpHealthCheck: { receive: [{ text: '6f6b' }] }, timeout: '0.02s', noTrafficInterval: '60s' }, [port]);
  await warm(cluster);
  assert.deepEqual(flags(cluster), ['failed_active_hc active_hc_timeout']);
  await until(() => late.length > 0);
  for (const socket of late) if (!socket.destroyed) socket.write('ok');
  assert.deepEqual(flags(cluster), ['failed_active_hc active_hc_timeout']);
});

test('a host that says with its last responses that it is unwell is not counted out twice', async () => {
  const port = await listen(http.createServer((_request, response) => response.end()));
  const eds = { type: 'EDS', edsClusterConfig: { edsConfig: { ads: {} } }, ignoreHealthOnHostRemoval: true };
  const { cluster, gauge } = build({ httpHealthCheck: { path: '/' } }, [], { ...eds, loadAssignment: null });
  cluster.update(fromJson(ClusterLoadAssignmentSchema, assignmentOf([port])));
  await warm(cluster);
  const [host] = cluster.hosts;
  assert.equal(gauge('healthy'), 1);
  cluster.update(fromJson(ClusterLoadAssignmentSchema, assignmentOf([])));
  const headers = new HeaderBlock();
  headers.add('x-envoy-immediate-health-check-fail', 'true');
  host?.onHead?.({ status: 503, headers, contentLength: 0 });
  assert.equal(gauge('healthy'), 0);
});

test('hosts that come later are checked too, and those that fail leave with their assignment', async () => {
  const good = await listen(http.createServer((_request, response) => response.end()));
  const other = await listen(http.createServer((_request, response) => response.end()));
  const eds = { type: 'EDS', edsClusterConfig: { edsConfig: { ads: {} } } };
  const { cluster } = build({ httpHealthCheck: { path: '/' } }, [], { ...eds, loadAssignment: null });
  cluster.update(fromJson(ClusterLoadAssignmentSchema, assignmentOf([good])));
  await warm(cluster);
  cluster.update(fromJson(ClusterLoadAssignmentSchema, assignmentOf([good, other])));
  assert.deepEqual(flags(cluster), ['', 'failed_active_hc']);
  await until(() => flags(cluster).join() === ',');
});
