import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { ConfigError } from '../../../core/errors.ts';
import { silentLog } from '../../../core/log.ts';
import { ClusterSchema } from '../../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { typeRegistry } from '../../../xds/type-registry.ts';
import { createStats } from '../../telemetry/registry.ts';
import { buildCluster, type MutableCluster } from '../build-cluster.ts';
import type { Host, PickContext } from '../cluster.ts';
import { noSecrets } from '../testing/no-secrets.ts';
import { seededRandom } from '../testing/fake-hosts.ts';

const open: MutableCluster[] = [];
afterEach(() => {
  for (const cluster of open.splice(0)) cluster.close();
});

const ANY_HOST: PickContext = { hash: undefined, avoid: [], avoidAttempts: 0, originalDestination: undefined };

/** Builds clusters that find each other. */
function build(configs: readonly JsonObject[]): (name: string) => MutableCluster {
  const byName = new Map<string, MutableCluster>();
  const stats = createStats();
  const findCluster = (name: string): MutableCluster | undefined => byName.get(name);
  for (const config of configs) {
    const cluster = buildCluster(fromJson(ClusterSchema, config, { registry: typeRegistry }), '', {
      stats,
      clock: { monotonicMs: () => 0, wallMs: () => 0 },
      random: seededRandom(1),
      secrets: noSecrets,
      log: silentLog,
      findCluster,
    });
    byName.set(cluster.name, cluster);
    open.push(cluster);
  }
  return (name) => {
    const cluster = findCluster(name);
    assert.ok(cluster);
    return cluster;
  };
}

const lbEndpoints = (addresses: readonly string[]): JsonObject[] =>
  addresses.map((address) => ({ endpoint: { address: { socketAddress: { address, portValue: 80 } } } }));

/** A STATIC cluster; each list is the addresses of a priority. */
const members = (name: string, ...levels: readonly (readonly string[])[]): JsonObject => ({
  name,
  outlierDetection: { consecutive5xx: 1, maxEjectionPercent: 100 },
  loadAssignment: {
    clusterName: name,
    endpoints: levels.map((addresses, priority) => ({ priority, lbEndpoints: lbEndpoints(addresses) })),
  },
});

const aggregate = (clusters: readonly string[], changes: JsonObject = {}): JsonObject => ({
  name: 'all',
  lbPolicy: 'CLUSTER_PROVIDED',
  clusterType: {
    name: 'envoy.clusters.aggregate',
    typedConfig: { '@type': 'type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig', clusters: [...clusters] },
  },
  ...changes,
});

function pickMany(cluster: MutableCluster, context: PickContext = ANY_HOST, picks = 200): ReadonlySet<string | undefined> {
  return new Set(Array.from({ length: picks }, () => cluster.pick(context)?.address.host));
}

test('the first cluster with hosts gets the traffic; missing and empty ones are left out', () => {
  const find = build([members('empty'), members('a', ['10.0.0.1']), members('b', ['10.0.0.2']), aggregate(['nobody', 'empty', 'a', 'b'])]);
  assert.deepEqual([...pickMany(find('all'))], ['10.0.0.1']);
  assert.equal(find('all').pick(ANY_HOST)?.cluster, find('a'));
  assert.equal(find('all').isWarm, true);
});

test('priorities of clusters stand in a row: traffic goes on to the next where one is not healthy', () => {
  const find = build([members('a', ['10.0.0.1'], ['10.0.1.1']), members('b', ['10.0.0.2']), aggregate(['a', 'b'])]);
  const seen = (): unknown[] => [...pickMany(find('all'))];
  assert.deepEqual(seen(), ['10.0.0.1']);
  const [first, second] = find('a').hosts;
  first?.report({ kind: 'status', status: 500 });
  assert.deepEqual(seen(), ['10.0.1.1']);
  second?.report({ kind: 'status', status: 500 });
  assert.deepEqual(seen(), ['10.0.0.2']);
});

test('nobody to choose: no host', () => {
  const find = build([members('empty'), aggregate(['empty', 'nobody'])]);
  assert.equal(find('all').pick(ANY_HOST), undefined);
});

test('retries leave out priorities over all clusters, by their place in the row', () => {
  const find = build([members('a', ['10.0.0.1'], ['10.0.1.1']), members('b', ['10.0.0.2']), aggregate(['a', 'b'])]);
  const tried = find('all').pick(ANY_HOST);
  assert.equal(tried?.address.host, '10.0.0.1');
  const seen: number[] = [];
  const without = (hosts: readonly Host[]): PickContext => ({
    ...ANY_HOST,
    excludedLevels: (available, levelOf) => {
      seen.splice(0, seen.length, ...available);
      return new Set(hosts.map((host) => levelOf?.(host) ?? -1));
    },
  });
  const second = find('all').pick(without([tried]));
  assert.deepEqual([second?.address.host, seen], ['10.0.1.1', [0, 1, 2]]);
  assert.ok(second);
  assert.equal(find('all').pick(without([tried, second]))?.address.host, '10.0.0.2');
});

const refused: readonly [name: string, config: JsonObject, path: string][] = [
  ['no clusters', aggregate([]), '.cluster_type.typed_config.clusters'],
  ['a policy of its own', aggregate(['a'], { lbPolicy: 'ROUND_ROBIN' }), '.lb_policy'],
];
for (const [name, config, path] of refused) {
  test(`an aggregate cluster refuses ${name}`, () => {
    assert.throws(
      () => build([config]),
      (error) => error instanceof ConfigError && error.path === path,
    );
  });
}
