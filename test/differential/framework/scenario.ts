/**
 * Comparisons that take time: each scenario has a cluster and hosts of its own in one bootstrap, changes what the hosts
 * do, waits for what the proxy makes of it, and gives what it has seen as plain data, which must be equal for both.
 * Times are never compared; what happens before what is.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '@bufbuild/protobuf';
import { ask, type Answer } from '../../../src/cli/demo/client.ts';
import { until } from '../../../src/core/testing/eventually.ts';
import { envoyBinary, envoyMissing } from '../../interop/envoy-binary.ts';
import type { World } from './bootstrap.ts';
import { createCertificates } from './certificates.ts';
import { type ChangingHost, type HostKind, startChangingHost } from './changing-hosts.ts';
import { cluster, to } from './pieces.ts';
import { type Command, envoyCommand, type Proxy, startProxy, TULLE } from './proxies.ts';

/** What a scenario can do with one of the proxies. */
export interface Stage {
  /** In the order of the scenario's `hosts`. */
  readonly hosts: readonly ChangingHost[];
  host(index: number): ChangingHost;
  /** A request to the scenario's cluster. */
  ask(fields?: Record<string, string>): Promise<Answer>;
  /** Which hosts have answered so many requests one after the other, by their index; `status` where no host did. */
  answers(count: number): Promise<string[]>;
  /** Health flags of all hosts, in their order. */
  flags(): Promise<string[]>;
  /** Waits until the flags are these. */
  untilFlags(...wanted: readonly string[]): Promise<void>;
  /** Waits until something holds. */
  until(test: () => boolean | Promise<boolean>): Promise<void>;
  /** A statistic of the cluster. */
  stat(name: string): Promise<number>;
  /** Waits for that; for what must not happen only. */
  wait(ms: number): Promise<void>;
  /** Lines of a file in the proxy's folder that are about the scenario's cluster, parsed, without ports and times. */
  events(file: string): Promise<Record<string, unknown>[]>;
}

export interface Scenario {
  readonly name: string;
  readonly hosts: readonly HostKind[];
  /** How hosts are at first. */
  readonly begin?: (hosts: readonly ChangingHost[]) => void;
  /** Fields of the cluster. */
  readonly cluster: (world: World, ports: readonly number[]) => JsonObject;
  readonly run: (stage: Stage) => Promise<unknown>;
  /** What Envoy's result must be; a guard against two equal failures. */
  readonly expects?: unknown;
}

/** How often scenarios look, all of them at once, and for how long. */
const POLL_MS = 50;

/** Values that no two runs have in common. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => key !== 'timestamp' && key !== 'port_value' && key !== 'upstream_url');
  return Object.fromEntries(entries.map(([key, each]) => [key, plain(each)]));
}

const clusterName = ({ name }: Scenario): string => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');

function createStage(scenario: Scenario, proxy: Proxy, hosts: readonly ChangingHost[]): Stage {
  const name = clusterName(scenario);
  const host = (index: number): ChangingHost => {
    const found = hosts[index];
    assert.ok(found);
    return found;
  };
  const flags = async (): Promise<string[]> => {
    const lines = (await proxy.admin('/clusters')).split('\n');
    return hosts.map(({ port }) => {
      const prefix = `${name}::127.0.0.1:${port}::health_flags::`;
      return lines.find((line) => line.startsWith(prefix))?.slice(prefix.length) ?? 'absent';
    });
  };
  let seen = '';
  const untilHolds: Stage['until'] = (holds) => until(holds, () => `${scenario.name}; flags were ${seen}`, POLL_MS);
  const send = (fields: Record<string, string> = {}): Promise<Answer> =>
    ask({ port: proxy.target('main').port }, `/${name}/`, { headers: fields });
  return {
    hosts,
    host,
    ask: send,
    async answers(count) {
      const found: string[] = [];
      for (let i = 0; i < count; i++) {
        const { headers, status } = await send();
        found.push(String(headers['x-host'] ?? status));
      }
      return found;
    },
    flags,
    untilFlags: (...wanted) =>
      untilHolds(async () => {
        seen = JSON.stringify(await flags());
        return seen === JSON.stringify(wanted);
      }),
    until: untilHolds,
    stat: async (stat) => (await proxy.stats(`cluster.${name}.${stat}`))[`cluster.${name}.${stat}`] ?? -1,
    wait: (ms) => sleep(ms),
    async events(file) {
      const lines = (await proxy.file(file)).split('\n').slice(0, -1);
      const all = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      return all.filter((event) => event['cluster_name'] === name).map((event) => plain(event) as Record<string, unknown>);
    },
  };
}

interface Side {
  readonly proxy: Proxy;
  readonly hosts: ReadonlyMap<Scenario, readonly ChangingHost[]>;
}

async function startSide(command: Command, scenarios: readonly Scenario[], bootstrap: (world: World) => JsonObject): Promise<Side> {
  const hosts = new Map<Scenario, readonly ChangingHost[]>();
  const servers = async () => {
    for (const scenario of scenarios) {
      const own = await Promise.all(scenario.hosts.map((kind, i) => startChangingHost(kind, String(i))));
      scenario.begin?.(own);
      hosts.set(scenario, own);
    }
    return {
      ports: {},
      close: async () => {
        await Promise.all([...hosts.values()].flat().map((host) => host.close()));
      },
    };
  };
  const setup = (world: World) => ({
    routes: scenarios.map((each) => to(`/${clusterName(each)}/`, { cluster: clusterName(each) })),
    clusters: scenarios.map((each) => {
      const ports = (hosts.get(each) ?? []).map(({ port }) => port);
      return cluster(clusterName(each), ports, each.cluster(world, ports));
    }),
    bootstrap: bootstrap(world),
  });
  return { proxy: await startProxy(command, createCertificates(), setup, servers), hosts };
}

/** Defines a topic's tests. `TULLE_SHOW=<expression>` runs the scenarios whose name it matches, and prints what both gave. */
export function compareScenarios(topic: string, all: readonly Scenario[], bootstrap: (world: World) => JsonObject = () => ({})): void {
  const only = process.env['TULLE_SHOW'];
  const scenarios = all.filter(({ name }) => only === undefined || new RegExp(only).test(name));
  describe(`Tulle and Envoy: ${topic}`, { skip: envoyMissing, concurrency: false, timeout: 180_000 }, () => {
    const sides: Side[] = [];
    const results = new Map<Scenario, readonly PromiseSettledResult<unknown>[]>();
    before(async () => {
      const envoy = envoyCommand(await envoyBinary());
      for (const command of [process.env['TULLE_BIN'] === 'envoy' ? envoy : TULLE, envoy])
        sides.push(await startSide(command, scenarios, bootstrap));
      const run = async (scenario: Scenario): Promise<void> => {
        const runs = sides.map(({ proxy, hosts }) => scenario.run(createStage(scenario, proxy, hosts.get(scenario) ?? [])));
        results.set(scenario, await Promise.allSettled(runs));
      };
      await Promise.all(scenarios.map(run));
    });
    after(async () => {
      await Promise.all(sides.map(({ proxy }) => proxy.stop()));
    });
    for (const scenario of scenarios) {
      test(scenario.name, () => {
        const [ours, theirs] = (results.get(scenario) ?? []).map((each) => {
          if (each.status === 'rejected') throw each.reason;
          return each.value;
        });
        if (only !== undefined) console.log(JSON.stringify({ tulle: ours, envoy: theirs }, undefined, 2));
        assert.ok(theirs !== undefined, 'not observed');
        if (scenario.expects !== undefined) assert.deepEqual(theirs, scenario.expects, 'Envoy');
        assert.deepEqual(ours, theirs);
      });
    }
  });
}
