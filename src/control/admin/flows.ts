/** `/api/flows`: what is kept, what comes, and all that is known of one request. */
import { setImmediate } from 'node:timers/promises';
import { ProtocolError } from '../../core/errors.ts';
import type { Flow, TapLine } from '../../model/flow.ts';
import { type FlowFilter, matches, readFilter, readQuery } from '../flows/query.ts';
import { isConcerned, type Tap } from '../flows/taps.ts';
import { decodedPart, type Exchange } from './exchange.ts';

/** Bytes that wait for a slow reader, above which it gets no more until it has read them. */
const WAITING_BYTES_MAX = 1024 * 1024;

/** Lines for one reader. */
function createWriter({ response, state }: Exchange): (flow: Flow) => void {
  let lost = 0;
  response.on('drain', () => {
    if (lost > 0) response.write(`${JSON.stringify({ lost })}\n`);
    lost = 0;
  });
  return (flow) => {
    if (lost === 0 && response.writableLength < WAITING_BYTES_MAX) {
      response.write(`${JSON.stringify(flow)}\n`);
      return;
    }
    lost++;
    state.flows.missed++;
  };
}

const HEADER = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;
const MAX_HEADERS = 32;

/** The headers that a tap asks for. */
function headersOf(query: URLSearchParams): string[] {
  const names = (query.get('headers') ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  const wanted = names.filter((name) => name !== '');
  const bad = wanted.find((name) => !HEADER.test(name));
  if (bad !== undefined)
    throw new ProtocolError('bad_query', 400, `"headers" must be names of headers, and ${JSON.stringify(bad)} is none`);
  if (wanted.length > MAX_HEADERS) throw new ProtocolError('bad_query', 400, `"headers" may be ${MAX_HEADERS} at most`);
  return wanted;
}

interface OpenTap extends TapLine {
  readonly close: () => void;
}

/** Has the proxies concerned tell of every request, until it is closed. */
function openTap({ state: { flows, pusher }, query }: Exchange, filter: FlowFilter): OpenTap {
  const headers = filter.header === undefined ? headersOf(query) : [...headersOf(query), filter.header.name];
  const tap: Tap = { filter, headers };
  const close = flows.taps.open(tap);
  let [concerned, tellers] = [0, 0];
  pusher.refreshWhere((proxy) => {
    if (!isConcerned(tap, proxy)) return false;
    concerned++;
    if (proxy.flowCluster !== undefined && pusher.stateFor(proxy).mesh.settings.flows.isEnabled) tellers++;
    return true;
  });
  return {
    concerned,
    tellers,
    close() {
      close();
      pusher.refreshWhere((proxy) => isConcerned(tap, proxy));
    },
  };
}

function watch(exchange: Exchange): undefined {
  const { response, state, query } = exchange;
  const filter = readFilter(query);
  const tap = query.get('tap') === 'true' ? openTap(exchange, filter) : undefined;
  response.writeHead(200, { 'content-type': 'application/json' });
  response.flushHeaders();
  if (tap !== undefined) response.write(`${JSON.stringify({ concerned: tap.concerned, tellers: tap.tellers } satisfies TapLine)}\n`);
  const write = createWriter(exchange);
  const stop = state.flows.store.watch((flow) => {
    if (matches(flow, filter)) write(flow);
  });
  response.on('close', () => {
    stop();
    tap?.close();
  });
}

async function kept({ state: { flows }, query }: Exchange): Promise<object> {
  const found = await flows.store.query(readQuery(query, flows.nowMs()), () => setImmediate());
  return { flows: found, kept: flows.store.kept(), lost: flows.store.lostSoFar() };
}

/** `GET /api/flows`; with `watch=true` a line of JSON a flow, until the caller leaves. */
export function getFlows(exchange: Exchange): Promise<object> | undefined {
  return exchange.query.get('watch') === 'true' ? watch(exchange) : kept(exchange);
}

/** `GET /api/flows/<id>`: a request as each proxy on the way saw it, in the order in which it came to them. */
export async function getFlow({ state: { flows }, pathname }: Exchange): Promise<object> {
  const id = decodedPart(pathname.slice(pathname.lastIndexOf('/') + 1));
  const found = await flows.store.query(readQuery(new URLSearchParams({ id }), flows.nowMs()), () => setImmediate());
  return { flows: found.toSorted((a, b) => a.startMs - b.startMs) };
}
