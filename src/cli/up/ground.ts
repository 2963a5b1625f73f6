/** Which mode a mesh runs in here, and why. */
import { silentLog } from '../../core/log.ts';
import { CliError } from '../errors.ts';
import { explicitGround } from './explicit-place.ts';
import { BRIDGE_HOST, createMeshNetwork, ipv4Of } from './network.ts';
import { machineResolvers, passOnNames } from './resolvers.ts';
import type { Ground } from './place.ts';
import type { RunInfo, RunRecord } from './run-record.ts';
import { transparentGround, transparentObstacle } from './transparent-place.ts';

export const MODES = ['auto', 'transparent', 'explicit'] as const;

/** What explicit mode leaves out, for people. */
const EXPLICIT_LEAVES_OUT =
  "applications reach the mesh by HTTP_PROXY and their upstreams' loopback ports only; other TCP and DNS are not intercepted, and who connects to an application's own port goes past its proxy";

export interface MadeGround {
  readonly ground: Ground;
  /** What was chosen, for people. */
  readonly says: string;
  /** Stops what serves the ground; the network itself is the record's to undo. */
  close(): Promise<void>;
}

/** Makes the ground for `mode` and says what was chosen; throws where transparent mode is demanded and cannot be. */
export async function makeGround(mode: (typeof MODES)[number], record: RunRecord, hostsFolder: string): Promise<MadeGround> {
  const obstacle = mode === 'explicit' ? undefined : transparentObstacle();
  if (mode === 'transparent' && obstacle !== undefined) throw obstacle;
  if (mode === 'explicit' || obstacle !== undefined) {
    record.describe({ role: 'up', mode: 'explicit' });
    const close = async (): Promise<void> => undefined;
    const why = obstacle === undefined ? '' : ` (${obstacle.message})`;
    return { ground: explicitGround(), close, says: `explicit mode${why}: ${EXPLICIT_LEAVES_OUT}` };
  }
  const network = createMeshNetwork(record);
  const { stubs } = machineResolvers();
  const names = stubs.length > 0 ? await passOnNames(ipv4Of(network, BRIDGE_HOST), stubs, silentLog) : undefined;
  const families = network.hasIpv6 ? 'IPv4 and IPv6' : 'IPv4';
  return {
    ground: transparentGround(network, hostsFolder),
    close: async () => names?.close(),
    says: `transparent mode: each instance has a network namespace (10.127.${network.number}.0/24); ${families} TCP and DNS go through its proxy`,
  };
}

/** The ground that a running `tulle up` made. */
export function joinGround(info: RunInfo, hostsFolder: string): Ground {
  if (info.mode === 'explicit') return explicitGround();
  const obstacle = transparentObstacle();
  if (obstacle !== undefined) throw new CliError(`this mesh runs in transparent mode: ${obstacle.message}`, obstacle.hint);
  if (info.network === undefined) throw new CliError('the mesh is still starting', 'try again in a moment');
  return transparentGround({ number: info.network, hasIpv6: info.hasIpv6 ?? false }, hostsFolder);
}
