/** `/api/signals` and `/api/signals/history` of the admin API. */
import { parseDurationMs } from '../../compile/schema/duration.ts';
import { ProtocolError } from '../../core/errors.ts';
import { SIGNAL_GROUPINGS } from '../../model/signals.ts';
import type { Exchange } from '../admin/exchange.ts';
import { STEP_MS, STEPS } from './cells.ts';
import { type Selection, signalRows, signalSeries } from './rows.ts';

const DEFAULT_WINDOW = '60s';
const DEFAULT_HISTORY = '15m';
const DEFAULT_STEP = '10s';
/** How far back anything is known: who asks for more would take what there is for all of it. */
const KEPT_MS = STEPS * STEP_MS;

function durationOf(query: URLSearchParams, name: string, otherwise: string): number {
  const text = query.get(name) ?? otherwise;
  const ms = parseDurationMs(text);
  if (ms !== undefined && ms > 0) return ms;
  throw new ProtocolError('bad_query', 400, `${name}=${text} is not a time such as ${otherwise}`);
}

function selectionOf(query: URLSearchParams): Selection {
  const text = query.get('by') ?? 'edge';
  const by = SIGNAL_GROUPINGS.find((each) => each === text);
  if (by === undefined) throw new ProtocolError('bad_query', 400, `by=${text} is not one of ${SIGNAL_GROUPINGS.join(', ')}`);
  const given = ['namespace', 'source', 'destination', 'service', 'route'].flatMap((name) => {
    const value = query.get(name) ?? '';
    return value === '' ? [] : [[name, value] as const];
  });
  return { by, ...Object.fromEntries(given) };
}

/** Rows of a window that ends now. */
export function viewSignals({ query, state }: Pick<Exchange, 'query' | 'state'>): object {
  const windowMs = durationOf(query, 'window', DEFAULT_WINDOW);
  if (windowMs > KEPT_MS) throw new ProtocolError('bad_query', 400, `window=${query.get('window')} is longer than the 15m that are kept`);
  const { signals, clock } = state;
  const rows = signalRows(signals.cells, selectionOf(query), windowMs, clock.monotonicMs());
  return { rows, windowMs, atMs: clock.wallMs() };
}

/** The same over time; `key` may stand more than once, and is everything where it is left out. */
export function viewSignalHistory({ query, state }: Pick<Exchange, 'query' | 'state'>): object {
  const { signals, clock } = state;
  const options = {
    keys: new Set(query.getAll('key').filter((key) => key !== '')),
    stepMs: durationOf(query, 'step', DEFAULT_STEP),
    windowMs: durationOf(query, 'window', DEFAULT_HISTORY),
    nowMs: clock.monotonicMs(),
    wallMs: clock.wallMs(),
  };
  return { series: signalSeries(signals.cells, selectionOf(query), options) };
}
