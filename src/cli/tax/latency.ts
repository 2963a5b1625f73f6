/**
 * What the mesh adds to calls, by flow records of both proxies on the way: what the caller's proxy took for the whole, less
 * what the application took, as the called proxy saw it. The network between the proxies is in it. Pure.
 */
import { comparableRequestId } from '../../core/request-id.ts';
import type { Flow } from '../../model/flow.ts';

/** Milliseconds at which shares of the values end. */
export interface Spread {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface LatencyRow {
  /** `namespace/workload`. */
  readonly source: string;
  readonly destination: string;
  /** Calls that both proxies told of. */
  readonly calls: number;
  /** As the caller sees it. */
  readonly whole: Spread;
  /** Until the application's first byte. */
  readonly application: Spread;
  readonly added: Spread;
}

/** Bodies above which the time to send them would count as added. */
const BODY_BYTES_MAX = 64 * 1024;

interface Pair {
  readonly client: Flow;
  readonly server: Flow;
}

function nameOf({ namespace, workload }: Flow['source']): string {
  return `${namespace}/${workload}`;
}

function edgeOf({ source, destination }: Flow): string {
  return `${nameOf(source)} ${nameOf(destination)}`;
}

/** Calls that can be judged: answered, by the first attempt, with bodies that are sent at once. */
function isPlain({ protocol, verdict, upstreamMs, bytesSent, bytesReceived, isOpen }: Flow): boolean {
  return (
    isOpen !== true &&
    protocol !== 'tcp' &&
    verdict === 'forwarded' &&
    upstreamMs !== undefined &&
    bytesSent + bytesReceived <= BODY_BYTES_MAX
  );
}

/** Both proxies' records of one call; what has several attempts, or the same id twice on an edge, is left out. */
function pairsOf(flows: readonly Flow[]): Pair[] {
  const calls = new Map<string, { clients: Flow[]; servers: Flow[] }>();
  for (const flow of flows) {
    const key = `${edgeOf(flow)} ${comparableRequestId(flow.id)}`;
    const call = calls.get(key) ?? { clients: [], servers: [] };
    calls.set(key, call);
    (flow.reporter === 'destination' ? call.servers : call.clients).push(flow);
  }
  return [...calls.values()].flatMap(({ clients: [client, ...moreClients], servers: [server, ...moreServers] }) => {
    if (client === undefined || server === undefined || moreClients.length + moreServers.length > 0) return [];
    return isPlain(client) && isPlain(server) ? [{ client, server }] : [];
  });
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return { p50Ms: at(sorted, 0.5), p99Ms: at(sorted, 0.99) };
}

/** A row for each edge, the ones with most calls first. */
export function latencyRows(flows: readonly Flow[]): LatencyRow[] {
  const edges = new Map<string, Pair[]>();
  for (const pair of pairsOf(flows)) {
    const edge = edgeOf(pair.client);
    const pairs = edges.get(edge);
    if (pairs === undefined) edges.set(edge, [pair]);
    else pairs.push(pair);
  }
  return [...edges.values()]
    .flatMap((pairs) => {
      const [first] = pairs;
      if (first === undefined) return [];
      return {
        source: nameOf(first.client.source),
        destination: nameOf(first.client.destination),
        calls: pairs.length,
        whole: spreadOf(pairs.map(({ client }) => client.durationMs)),
        application: spreadOf(pairs.map(({ server }) => server.upstreamMs ?? 0)),
        added: spreadOf(pairs.map(({ client, server }) => Math.max(0, client.durationMs - (server.upstreamMs ?? 0)))),
      };
    })
    .toSorted((a, b) => b.calls - a.calls);
}
