/** The control planes that are measured: how each is started over a folder, and what it waits before it acts. */
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CONTROL_FLAGS } from '../src/cli/control-flags.ts';
import { installedLayout, isBuilt, root } from './layout.ts';
import { start } from './processes.ts';

/** Where a control plane runs. */
export interface PlanePlace {
  /** The folder of YAML files. */
  readonly mesh: string;
  /** A folder for what it keeps, empty at the first start. */
  readonly state: string;
  readonly xdsPort: number;
  /** Ports of which it may take more. */
  readonly otherPorts: readonly number[];
  /** Descriptor of a file. */
  readonly log: number;
}

export interface Plane {
  readonly name: 'tulle' | 'istiod';
  /** Quiet time after a change before it is looked at. */
  readonly debounceMs: number;
  /** Why it cannot be measured; undefined where it can. */
  missing(): string | undefined;
  start(place: PlanePlace): ChildProcess;
}

/** A profile is to name our functions, and a test is not to need a build. */
const isFromSources = (): boolean => process.env['TULLE_BENCH_SOURCES'] !== undefined || !isBuilt();

/** The folder's watcher waits 10 ms, the pusher 100 ms (src/control/main.ts). */
const tulle: Plane = {
  name: 'tulle',
  debounceMs: 110,
  missing: () => undefined,
  start({ mesh, state, xdsPort, log }) {
    const args = ['control', mesh, '--state-dir', state, '--xds-address', `127.0.0.1:${xdsPort}`, '--log-level', 'warn'];
    const flags = (process.env['TULLE_BENCH_NODE_FLAGS'] ?? '').split(' ').filter((flag) => flag !== '');
    // what npm would install: in a clone the program runs its sources
    const program = isFromSources() ? path.join(root, 'bin/tulle') : installedLayout(path.dirname(mesh));
    return start(process.execPath, [...CONTROL_FLAGS, ...flags, `${program}.js`, ...args], log);
  },
};

const ISTIOD = process.env['TULLE_ISTIOD'] ?? '';

/** No certificates, and all proxies at once: by default it refuses those that come too fast, and they have to try again. */
const ISTIOD_ENVIRONMENT = { ENABLE_CA_SERVER: 'false', PILOT_CERT_PROVIDER: 'none', PILOT_MAX_REQUESTS_PER_SECOND: '100000' };

/** Istio's pilot-discovery over files, without Kubernetes; PILOT_DEBOUNCE_AFTER is 100 ms by default. */
const istiod: Plane = {
  name: 'istiod',
  debounceMs: 100,
  missing: () => (existsSync(ISTIOD) ? undefined : 'TULLE_ISTIOD names no pilot-discovery: docs/benchmark.md tells how to build one'),
  start({ mesh, state, xdsPort, otherPorts, log }) {
    mkdirSync(state, { recursive: true });
    const config = path.join(state, 'mesh.yaml');
    writeFileSync(config, '{}\n');
    const [http, monitoring] = otherPorts;
    const addresses = [
      '--grpcAddr',
      `127.0.0.1:${xdsPort}`,
      '--httpAddr',
      `127.0.0.1:${http}`,
      '--monitoringAddr',
      `127.0.0.1:${monitoring}`,
    ];
    const none = ['--log_output_level', 'all:warn', '--httpsAddr', '', '--secureGRPCAddr', '', '--ctrlz_port', '0', '--registries='];
    const args = [
      'discovery',
      '--configDir',
      mesh,
      '--meshConfig',
      config,
      '--networksConfig',
      path.join(state, 'none'),
      ...addresses,
      ...none,
    ];
    return start(ISTIOD, args, log, { ...process.env, ...ISTIOD_ENVIRONMENT });
  },
};

export const planes: readonly Plane[] = [tulle, istiod];
