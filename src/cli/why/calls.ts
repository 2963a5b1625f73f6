/** Puts what proxies tell of one request together: calls, each with both proxies on its way, and which call was the cause. */
import { type Hop, isFailure } from './hop.ts';

/** One call from a workload to another. */
export interface Call {
  /** The caller's proxy, or the gateway; absent where it has none, or tells nothing. */
  readonly client: Hop | undefined;
  /** Of the called one, one for each attempt that came there. */
  readonly servers: readonly Hop[];
}

/** How far clocks of two machines may be apart, and still one call is known by its times. */
const SKEW_MS = 1000;

function endMs({ startMs, durationMs }: Hop): number {
  return Number.isNaN(durationMs) ? startMs : startMs + durationMs;
}

/** True where a hop may have happened during another; lines without a time may always. */
function isWithin(inner: Hop, outer: Hop): boolean {
  if (Number.isNaN(inner.startMs) || Number.isNaN(outer.startMs)) return true;
  return inner.startMs >= outer.startMs - SKEW_MS && inner.startMs <= endMs(outer) + SKEW_MS;
}

function isOfCall(server: Hop, client: Hop): boolean {
  if (!isWithin(server, client)) return false;
  if (server.source !== '' && client.source !== '' && server.source !== client.source) return false;
  if (server.destination !== '' && client.destination !== '') return server.destination === client.destination;
  return server.what === client.what;
}

/** Calls in the order in which they began. */
export function callsOf(hops: readonly Hop[]): readonly Call[] {
  const rest = new Set(hops.filter(({ side }) => side === 'server'));
  const clients = hops.filter(({ side }) => side !== 'server').toSorted((a, b) => a.startMs - b.startMs);
  const calls: Call[] = clients.map((client) => {
    const servers = [...rest].filter((server) => isOfCall(server, client)).toSorted((a, b) => a.startMs - b.startMs);
    for (const server of servers) rest.delete(server);
    return { client, servers };
  });
  calls.push(...[...rest].map((server) => ({ client: undefined, servers: [server] })));
  return calls.toSorted((a, b) => beginOf(a) - beginOf(b));
}

/** The hop by which a call is known: the caller's. */
export function headOf({ client, servers }: Call): Hop | undefined {
  return client ?? servers.at(-1);
}

function beginOf(call: Call): number {
  return headOf(call)?.startMs ?? 0;
}

/** True where the caller saw a failure. */
function hasFailed(call: Call): boolean {
  const head = headOf(call);
  return head !== undefined && isFailure(head);
}

/** Who was called, `namespace/name`, as far as one of both proxies knows. */
export function calledBy({ client, servers }: Call): string {
  return servers.at(-1)?.destination || (client?.destination ?? '');
}

/** Calls that the one that was called made meanwhile. */
function within(call: Call, calls: readonly Call[]): readonly Call[] {
  const called = calledBy(call);
  const head = headOf(call);
  if (called === '' || head === undefined) return [];
  return calls.filter((other) => {
    const inner = headOf(other);
    return other !== call && other.client?.source === called && inner !== undefined && isWithin(inner, head);
  });
}

/**
 * From the first call that failed down to the one that is the cause of it all: an application that answers with an error
 * of its own after a call of its own has failed passes that on. Of several the one that ended last is taken.
 */
export function chainOfFailure(calls: readonly Call[]): readonly Call[] {
  const first = calls.find(hasFailed);
  const chain: Call[] = [];
  for (let call = first; call !== undefined && !chain.includes(call);) {
    chain.push(call);
    const inner: readonly Call[] = within(call, calls).filter(hasFailed);
    call = inner.toSorted((a, b) => endOf(b) - endOf(a))[0];
  }
  return chain;
}

function endOf(call: Call): number {
  const head = headOf(call);
  return head === undefined ? 0 : endMs(head);
}
