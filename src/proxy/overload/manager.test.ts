import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { create, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { systemClock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { OverloadManagerSchema, TriggerSchema } from '../../xds/gen/envoy/config/overload/v3/overload_pb.ts';
import { typeRegistry } from '../../xds/type-registry.ts';
import { createStats } from '../telemetry/registry.ts';
import { memoryLimitBytes, memoryUsageBytes } from './container-limits.ts';
import { OverloadManager } from './manager.ts';
import { ScaledTimeout } from './overload.ts';
import { readTrigger } from './triggers.ts';

function managerOf(config: JsonObject | undefined) {
  const stats = createStats();
  const message = config && fromJson(OverloadManagerSchema, config, { registry: typeRegistry });
  const manager = new OverloadManager(message, { stats, clock: systemClock, log: silentLog, loops: 2 });
  const stat = (name: string): number | undefined => {
    let found: number | undefined;
    stats.forEach(({ name: each, value }) => {
      if (each !== `overload.${name}`) return;
      found = value.kind === 'gauge' ? value.gauge.value : value.kind === 'counter' ? value.counter.value : undefined;
    });
    return found;
  };
  return { manager, stat };
}

const MONITORS = 'type.googleapis.com/envoy.extensions.resource_monitors';

test('pressure makes actions hold, as much of them as triggers say', (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-overload-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const filename = path.join(folder, 'pressure');
  const action = (name: string, trigger: JsonObject): JsonObject => ({
    name: `envoy.overload_actions.${name}`,
    triggers: [{ name: 'file', ...trigger }],
  });
  const { manager, stat } = managerOf({
    resource_monitors: [
      { name: 'file', typed_config: { '@type': `${MONITORS}.injected_resource.v3.InjectedResourceConfig`, filename } },
      {
        name: 'most',
        typed_config: {
          '@type': `${MONITORS}.downstream_connections.v3.DownstreamConnectionsConfig`,
          max_active_downstream_connections: 5,
        },
      },
    ],
    actions: [
      action('stop_accepting_requests', { scaled: { scaling_threshold: 0.5, saturation_threshold: 0.9 } }),
      action('stop_accepting_connections', { threshold: { value: 0.7 } }),
    ],
  });
  const { state } = manager;
  const accepting: boolean[] = [];
  state.watchAccepting((isAccepting) => accepting.push(isAccepting));
  const seen = [0.5, 0.6, 0.7, 1, 0].map((pressure) => {
    writeFileSync(filename, String(pressure));
    manager.refresh();
    return Number(state.refusedShare.toFixed(2));
  });
  assert.deepEqual(seen, [0, 0.25, 0.5, 1, 0]);
  assert.deepEqual(accepting, [false, true]);
  // a loop has its part of the limit
  assert.equal(state.maxConnections, 3);
  state.connections = () => 3;
  assert.equal(state.isFull, true);
  writeFileSync(filename, 'nonsense');
  manager.refresh();
  assert.deepEqual([stat('file.failed_updates'), stat('file.pressure'), stat('most.pressure')], [1, 0, 100]);
});

test('what is wrong is told by its field', () => {
  const heap = { name: 'heap', typed_config: { '@type': `${MONITORS}.fixed_heap.v3.FixedHeapConfig`, max_heap_size_bytes: 1 } };
  const triggers = [{ name: 'heap', threshold: { value: 0.5 } }];
  const cases: readonly (readonly [JsonObject, RegExp])[] = [
    [{ resource_monitors: [heap, heap] }, /overload_manager\.resource_monitors\[1\]\.name: "heap" stands twice/],
    [{ resource_monitors: [{ name: 'x' }] }, /overload_manager\.resource_monitors\[0\]\.typed_config: nothing is not supported/],
    [
      { resource_monitors: [{ ...heap, typed_config: { ...heap.typed_config, max_heap_size_bytes: 0 } }] },
      /max_heap_size_bytes: must be greater than 0/,
    ],
    [
      { resource_monitors: [heap], actions: [{ name: 'envoy.overload_actions.none', triggers }] },
      /actions\[0\]\.name: envoy\.overload_actions\.none is not supported/,
    ],
    [{ resource_monitors: [heap], actions: [{ name: 'envoy.overload_actions.shrink_heap' }] }, /actions\[0\]\.triggers: is empty/],
    [
      { resource_monitors: [heap], actions: [{ name: 'envoy.overload_actions.reduce_timeouts', triggers }] },
      /actions\[0\]\.typed_config: missing/,
    ],
  ];
  for (const [config, expected] of cases) assert.throws(() => managerOf(config), expected);
});

test('triggers must make sense', () => {
  const rule = (scaling_threshold: number, saturation_threshold: number) =>
    readTrigger(fromJson(TriggerSchema, { name: 'x', scaled: { scaling_threshold, saturation_threshold } }), 't');
  assert.deepEqual([0, 0.25, 0.5, 0.75, 1].map(rule(0.25, 0.75)), [0, 0, 0.5, 1, 1]);
  assert.throws(() => rule(0.6, 0.2), /^ConfigError: t\.scaled: scaling_threshold must be less/);
  assert.throws(() => rule(-1, 0.2), /scaling_threshold: -1 is not between 0 and 1/);
  assert.throws(() => readTrigger(create(TriggerSchema), 't'), /has neither threshold nor scaled/);
});

test('without configuration there are defaults, which do nothing yet', () => {
  const { manager, stat } = managerOf(undefined);
  manager.refresh();
  const { refusedShare, rejectedShare, closingShare, isFull } = manager.state;
  assert.deepEqual(
    { refusedShare, rejectedShare, closingShare, isFull },
    { refusedShare: 0, rejectedShare: 0, closingShare: 0, isFull: false },
  );
  assert.ok((stat('tulle.memory.pressure') ?? NaN) < 85);
});

test('time limits get shorter, and those whose timers run hear of it', () => {
  const timeout = new ScaledTimeout((ms) => ms * 0.1);
  let told = 0;
  timeout.watchers.add(() => told++);
  const at = (share: number): number => {
    timeout.share = share;
    return timeout.scaled(1000);
  };
  assert.deepEqual([0, 0.5, 0.5, 1].map(at), [1000, 550, 550, 100]);
  assert.equal(told, 2);
});

test('processors and memory are measured where the system tells of them', () => {
  const monitors = ['cpu_utilization.v3.CpuUtilizationConfig', 'cgroup_memory.v3.CgroupMemoryConfig'].map((type, i) => ({
    name: `r${i}`,
    typed_config: { '@type': `${MONITORS}.${type}` },
  }));
  const { manager, stat } = managerOf({ resource_monitors: monitors });
  manager.refresh();
  const [cpu = -1, memory = -1] = [stat('r0.pressure'), stat('r1.pressure')];
  assert.ok(cpu >= 0 && cpu <= 100 && memory >= 0, `${cpu} ${memory}`);
  assert.equal(stat('r0.failed_updates'), 0);
});

test('limits of control groups are read in both versions', (t) => {
  const root = mkdtempSync(path.join(tmpdir(), 'tulle-cgroup-'));
  t.after(() => rmSync(root, { recursive: true }));
  assert.equal(memoryLimitBytes(root), undefined);
  writeFileSync(path.join(root, 'memory.max'), 'max\n');
  writeFileSync(path.join(root, 'memory.current'), '4096\n');
  assert.deepEqual([memoryLimitBytes(root), memoryUsageBytes(root)], [undefined, 4096]);
  writeFileSync(path.join(root, 'memory.max'), '1048576\n');
  assert.equal(memoryLimitBytes(root), 1_048_576);
});
