/** The mesh that runs: what its control plane holds, and the proxies that are connected to it. */
import { deserialize } from 'node:v8';
import type { MeshSnapshot } from '../../control/admin/snapshot.ts';
import { callControl } from '../admin-client.ts';
import { CliError } from '../errors.ts';
import { isObject } from '../json.ts';
import type { StateDir } from '../state-dir.ts';
import type { Member, World } from './world.ts';

function isSnapshot(value: unknown): value is MeshSnapshot {
  return isObject(value) && isObject(value['mesh']) && Array.isArray(value['proxies']);
}

function membersOf({ mesh, proxies }: MeshSnapshot): Member[] {
  const connected = proxies.map(({ proxy, instance }): Member => {
    const registered = mesh.instances.find(({ namespace, id }) => namespace === proxy.namespace && id === instance);
    return { namespace: proxy.namespace, workload: proxy.workload, proxy, instance: registered };
  });
  const others = mesh.instances.filter((instance) => !connected.some((member) => member.instance === instance));
  return [
    ...connected,
    ...others.map((instance): Member => ({ namespace: instance.namespace, workload: instance.workload, proxy: undefined, instance })),
  ];
}

/** Asks the control plane of `state`. Throws CliError where none answers, or one of another version. */
export async function runningWorld(state: StateDir): Promise<World> {
  const answer = await callControl(state, '/api/snapshot');
  const text = isObject(answer) && typeof answer['snapshot'] === 'string' ? answer['snapshot'] : '';
  const value: unknown = text === '' ? undefined : deserialize(Buffer.from(text, 'base64'));
  if (!isSnapshot(value)) throw new CliError('the control plane sent a mesh that cannot be read', 'use the same version of tulle for both');
  return { mesh: value.mesh, members: membersOf(value) };
}
