/** Reads what `/api/signals/history` is asked: `by`, `key`, `step` and `window`. */
import { ProtocolError } from '../../../core/errors.ts';
import { SIGNAL_GROUPINGS, type SignalGrouping, type SignalKey } from '../../../model/signals.ts';
import type { HistoryQuestion } from './history.ts';

const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const STEP_MS_MIN = 1_000;

function durationMs(text: string, name: string): number {
  const match = /^(\d+)([smhd])$/.exec(text);
  const ms = Number(match?.[1]) * (UNITS_MS[match?.[2] ?? ''] ?? 0);
  if (match !== null && ms >= STEP_MS_MIN) return ms;
  throw new ProtocolError('bad_query', 400, `${name}="${text}" is no duration such as 30s, 15m, 6h or 7d`);
}

/** The reverse of `signalKeyText`. */
function keyOf(by: SignalGrouping, text: string): SignalKey {
  const [first = '', second = ''] = text.split('>');
  switch (by) {
    case 'edge':
      return { source: first, destination: second };
    case 'caller':
      return { source: text };
    case 'workload':
      return { destination: text };
    case 'service':
      return { service: text };
    case 'route':
      throw new ProtocolError('bad_query', 400, "Istio's metrics do not tell routes apart; ask with from=control");
  }
}

/** Throws ProtocolError where something is no question. */
export function readQuestion(query: URLSearchParams): HistoryQuestion {
  const by = SIGNAL_GROUPINGS.find((known) => known === query.get('by'));
  if (by === undefined) throw new ProtocolError('bad_query', 400, `by must be one of ${SIGNAL_GROUPINGS.join(', ')}`);
  const text = query.get('key') ?? '';
  if (text === '') throw new ProtocolError('bad_query', 400, 'key says whose history it is');
  const stepMs = durationMs(query.get('step') ?? '10s', 'step');
  const windowMs = durationMs(query.get('window') ?? '15m', 'window');
  if (windowMs < stepMs) throw new ProtocolError('bad_query', 400, 'window is shorter than a step');
  return { by, text, key: keyOf(by, text), stepMs, windowMs };
}
