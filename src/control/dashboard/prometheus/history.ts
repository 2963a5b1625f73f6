/** Golden signals over time from Prometheus, in the form that the control plane's own history has. */
import { ProtocolError } from '../../../core/errors.ts';
import type { SignalGrouping, SignalKey, SignalSeries } from '../../../model/signals.ts';
import { type Range, queryRange } from './client.ts';
import { seriesQueries } from './queries.ts';

const STEPS_MAX = 1_000;

/** What is asked of the past. */
export interface HistoryQuestion {
  readonly by: SignalGrouping;
  readonly key: SignalKey;
  /** The key as it was asked for. */
  readonly text: string;
  readonly stepMs: number;
  readonly windowMs: number;
}

/** Ends on a step, so that the same question within a step asks for the same samples. */
function rangeOf({ stepMs, windowMs }: HistoryQuestion, nowMs: number): Range {
  const endMs = Math.floor(nowMs / stepMs) * stepMs;
  return { startMs: endMs - windowMs + stepMs, endMs, stepMs };
}

/** One series. Throws ProtocolError where it would be too long, or Prometheus does not answer. */
export async function historyFrom(baseUrl: string, question: HistoryQuestion, nowMs: number): Promise<SignalSeries> {
  const { key, text, stepMs, windowMs } = question;
  if (windowMs / stepMs > STEPS_MAX) throw new ProtocolError('too_long', 400, `more than ${STEPS_MAX} steps; use a longer step`);
  const range = rangeOf(question, nowMs);
  const queries = seriesQueries(key, stepMs);
  const ask = (query: string): Promise<(number | null)[]> => queryRange(baseUrl, query, range);
  const [requests, connections, failures, denials, bytes, p50Ms, p95Ms, p99Ms] = await Promise.all([
    ask(queries.requestsPerSecond),
    ask(queries.connectionsPerSecond),
    ask(queries.failureRatio),
    ask(queries.deniedRatio),
    ask(queries.bytesPerSecond),
    ask(queries.p50Ms),
    ask(queries.p95Ms),
    ask(queries.p99Ms),
  ]);
  const orZero = (values: readonly (number | null)[]): number[] => values.map((value) => value ?? 0);
  return {
    ...key,
    key: text,
    stepMs,
    endMs: range.endMs,
    requestsPerSecond: orZero(requests),
    connectionsPerSecond: orZero(connections),
    failureRatio: orZero(failures),
    deniedRatio: orZero(denials),
    bytesPerSecond: orZero(bytes),
    p50Ms,
    p95Ms,
    p99Ms,
  };
}
