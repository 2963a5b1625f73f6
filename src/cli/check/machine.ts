/** What this machine offers a mesh. */
import { hasTool, packageOf } from '../up/network.ts';
import { transparentObstacle } from '../up/transparent-place.ts';
import type { Finding } from './finding.ts';
import { failed, ok, warning } from './finding.ts';

const NODE_MAJOR_MIN = 24;

function checkNode(): Finding {
  const major = Number.parseInt(process.versions.node, 10);
  if (major >= NODE_MAJOR_MIN) return ok('node', process.version);
  return failed(
    'node',
    `${process.version} is older than ${NODE_MAJOR_MIN}`,
    'start Tulle with its launcher, bin/tulle, which finds the Node that npm installed with it',
  );
}

function checkTool(program: string, instead: string): Finding {
  if (hasTool(program)) return ok(program, 'found');
  if (instead !== '' && hasTool(instead)) return ok(program, `not found, ${instead} is used instead`);
  return warning(program, 'not found: only explicit mode is possible', `${packageOf(program)} brings it`);
}

function checkMode(): Finding {
  const obstacle = transparentObstacle();
  if (obstacle === undefined) return ok('transparent mode', 'possible');
  return warning('transparent mode', `not possible: ${obstacle.message}`, obstacle.hint);
}

/** Checks Node and, on Linux, the tools of transparent mode. */
export function checkMachine(): Finding[] {
  if (process.platform !== 'linux') return [checkNode(), checkMode()];
  return [checkNode(), checkTool('ip', ''), checkTool('nft', 'iptables-restore'), checkMode()];
}
