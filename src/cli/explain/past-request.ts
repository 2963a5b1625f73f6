/** A request that was, as access logs and flow records tell of it: each proxy on its way left word of the same x-request-id. */
import { createReadStream } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { messageOf } from '../../core/errors.ts';
import { CliError } from '../errors.ts';
import { type Asked, readTarget, type WorkloadName } from './asked.ts';
import { type Passage, passageOf } from './log-line.ts';
import type { World } from './world.ts';

async function passagesIn(file: string, id: string): Promise<Passage[]> {
  const found: Passage[] = [];
  const proxy = path.basename(file).replace(/\.log$/, '');
  try {
    for await (const line of createInterface({ input: createReadStream(file) })) {
      const passage = passageOf(line, id, proxy);
      if (passage !== undefined) found.push(passage);
    }
  } catch (cause) {
    throw new CliError(`${file} cannot be read: ${messageOf(cause)}`, '', { cause });
  }
  return found;
}

/** Where the request came in comes first: of two lines of one time the client's. */
function order(a: Passage, b: Passage): number {
  if (a.startTime !== b.startTime) return a.startTime < b.startTime ? -1 : 1;
  return Number(a.cluster.startsWith('inbound|')) - Number(b.cluster.startsWith('inbound|'));
}

const sideOf = ({ proxy, cluster }: Passage): string => `${proxy} ${cluster.startsWith('inbound|')}`;

/**
 * All that is known of a request, in the order of time: lines of logs, which say more, and what flow records have `kept` of
 * proxies that left none. Throws CliError where there is nothing.
 */
export async function findRequest(files: readonly string[], id: string, kept: readonly Passage[] = []): Promise<readonly Passage[]> {
  const logged = (await Promise.all(files.map((file) => passagesIn(file, id)))).flat();
  const told = new Set(logged.map(sideOf));
  const found = [...logged, ...kept.filter((passage) => !told.has(sideOf(passage)))];
  if (found.length > 0) return found.toSorted(order);
  throw new CliError(
    `no access log and no flow record has a request ${id}`,
    `looked into ${files.length} ${files.length === 1 ? 'log' : 'logs'}; access logs are on with accessLogFile: /dev/stdout in MeshConfig, in Istio's format or with its key names; flow records are kept of what failed and of a sample of the rest`,
  );
}

/** `frontend` in `shop` of `frontend-0.shop`. */
export function workloadOf(proxy: string): WorkloadName {
  const at = proxy.lastIndexOf('.');
  return { namespace: at === -1 ? undefined : proxy.slice(at + 1), name: (at === -1 ? proxy : proxy.slice(0, at)).replace(/-\d+$/, '') };
}

/** The passages from where `from` sent the request on: an application that calls others keeps its id. Throws CliError. */
export function sentBy(passages: readonly Passage[], from: WorkloadName | undefined): readonly Passage[] {
  if (from === undefined) return passages;
  const at = passages.findIndex(({ proxy, cluster }) => {
    const { name, namespace } = workloadOf(proxy);
    return name === from.name && (from.namespace ?? namespace) === namespace && !cluster.startsWith('inbound|');
  });
  if (at !== -1) return passages.slice(at);
  throw new CliError(
    `${from.name} has not sent the request on`,
    `it went through ${[...new Set(passages.map(({ proxy }) => proxy))].join(', ')}`,
  );
}

/** The question to ask of the mesh as it is now: the same request from the same workload. */
export function askedOfPast(passages: readonly Passage[], world: World, headers: Asked['headers']): Asked {
  const [first] = passages;
  if (first === undefined || first.authority === '' || first.path === '' || first.method === '')
    throw new CliError(
      'the access log does not say what the request was',
      "its format needs the keys method, path and authority, as Istio's has them",
    );
  const who = workloadOf(first.proxy);
  const isGateway = world.members.some(
    ({ workload, namespace, proxy }) => workload === who.name && namespace === who.namespace && proxy?.role === 'router',
  );
  const isServer = first.cluster.startsWith('inbound|');
  const agent = first.userAgent === '' || headers.some(([name]) => name === 'user-agent') ? [] : [['user-agent', first.userAgent] as const];
  return {
    from: isGateway ? undefined : isServer ? 'outside' : who,
    via: isGateway ? who : undefined,
    to: readTarget(`http://${first.authority}${first.path.startsWith('/') ? first.path : '/'}`),
    method: first.method,
    headers: [...agent, ...headers],
  };
}
