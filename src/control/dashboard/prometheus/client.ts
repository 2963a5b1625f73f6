/** Asks a Prometheus (HTTP API v1, `query_range`) and lays what it answers on a grid of steps. */
import { messageOf, ProtocolError } from '../../../core/errors.ts';
import { isObject } from '../../../core/object.ts';

const TIMEOUT_MS = 8_000;

/** Times of samples: from `startMs` to `endMs`, both inclusive. */
export interface Range {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

/** The samples of the first series of an answer, seconds and text each. */
function samplesOf(answer: unknown): readonly (readonly [number, number])[] {
  const data = isObject(answer) ? answer['data'] : undefined;
  const result: readonly unknown[] = isObject(data) && Array.isArray(data['result']) ? data['result'] : [];
  const [first] = result;
  const values: readonly unknown[] = isObject(first) && Array.isArray(first['values']) ? first['values'] : [];
  return values.flatMap((sample): [number, number][] => (Array.isArray(sample) ? [[Number(sample[0]), Number(sample[1])]] : []));
}

/** Values a step, the last one at the range's end; null where Prometheus has none, or no number. */
function gridOf(samples: readonly (readonly [number, number])[], { startMs, endMs, stepMs }: Range): (number | null)[] {
  const values: (number | null)[] = Array.from({ length: Math.round((endMs - startMs) / stepMs) + 1 }, () => null);
  for (const [atSeconds, value] of samples) {
    const index = Math.round((atSeconds * 1000 - startMs) / stepMs);
    if (index >= 0 && index < values.length && Number.isFinite(value)) values[index] = value;
  }
  return values;
}

/** Why a call failed; of what was not reached `fetch` says that only in the cause. */
function reasonOf(error: unknown): string {
  return messageOf(error instanceof TypeError && error.cause !== undefined ? error.cause : error);
}

/** One query over a range. Throws ProtocolError (502) where Prometheus does not answer, or refuses. */
export async function queryRange(baseUrl: string, query: string, range: Range): Promise<(number | null)[]> {
  const { startMs, endMs, stepMs } = range;
  const body = new URLSearchParams({ query, start: `${startMs / 1000}`, end: `${endMs / 1000}`, step: `${stepMs / 1000}` });
  try {
    const url = new URL('api/v1/query_range', baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`);
    const response = await fetch(url, { method: 'POST', body, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
    const answer: unknown = await response.json();
    if (response.ok) return gridOf(samplesOf(answer), range);
    throw new Error(isObject(answer) && typeof answer['error'] === 'string' ? answer['error'] : `status ${response.status}`);
  } catch (error) {
    throw new ProtocolError('prometheus', 502, `Prometheus at ${baseUrl} does not answer: ${reasonOf(error)}`);
  }
}
