/** Which mode a mesh runs in here, and why. */
import { CliError } from '../errors.ts';
import { explicitGround } from './explicit-place.ts';
import { createMeshNetwork } from './network.ts';
import type { Ground } from './place.ts';
import type { RunInfo, RunRecord } from './run-record.ts';
import { transparentGround, transparentObstacle } from './transparent-place.ts';

export const MODES = ['auto', 'transparent', 'explicit'] as const;

/** What explicit mode leaves out, for people. */
const EXPLICIT_LEAVES_OUT =
  "applications reach the mesh by HTTP_PROXY and their upstreams' loopback ports only; other TCP and DNS are not intercepted, and who connects to an application's own port goes past its proxy";

/** Makes the ground for `mode` and says what was chosen; throws where transparent mode is demanded and cannot be. */
export function makeGround(mode: (typeof MODES)[number], record: RunRecord, hostsFolder: string): { ground: Ground; says: string } {
  const obstacle = mode === 'explicit' ? undefined : transparentObstacle();
  if (mode === 'transparent' && obstacle !== undefined) throw obstacle;
  if (mode === 'explicit' || obstacle !== undefined) {
    record.describe({ role: 'up', mode: 'explicit' });
    const why = obstacle === undefined ? '' : ` (${obstacle.message})`;
    return { ground: explicitGround(), says: `explicit mode${why}: ${EXPLICIT_LEAVES_OUT}` };
  }
  const network = createMeshNetwork(record);
  const families = network.hasIpv6 ? 'IPv4 and IPv6' : 'IPv4';
  return {
    ground: transparentGround(network, hostsFolder),
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
