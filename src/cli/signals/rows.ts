/** Golden signals as the control plane tells them, and what of them is asked for. */
import type { SignalGrouping, SignalRow } from '../../model/signals.ts';
import { callControl } from '../admin-client.ts';
import { type JsonObject, rowsAt, textOf } from '../json.ts';
import type { StateDir } from '../state-dir.ts';

/** What is asked for; '' and undefined are everything. */
export interface SignalQuery {
  readonly by: SignalGrouping;
  readonly window: string;
  readonly namespace?: string | undefined;
  readonly source?: string | undefined;
  readonly destination?: string | undefined;
}

function numberIn(row: JsonObject, name: string): number {
  const value = row[name];
  return typeof value === 'number' ? value : 0;
}

function optional<Name extends string>(row: JsonObject, name: Name): { readonly [key in Name]?: number } {
  const value = row[name];
  const found: { [key in Name]?: number } = {};
  if (typeof value === 'number') found[name] = value;
  return found;
}

function text<Name extends string>(row: JsonObject, name: Name): { readonly [key in Name]?: string } {
  const value = textOf(row[name]);
  const found: { [key in Name]?: string } = {};
  if (value !== '') found[name] = value;
  return found;
}

/** Reads one row of an answer. */
export function readRow(row: JsonObject): SignalRow {
  const protocol = row['protocol'];
  return {
    ...text(row, 'source'),
    ...text(row, 'destination'),
    ...text(row, 'service'),
    ...text(row, 'route'),
    protocol: protocol === 'tcp' || protocol === 'grpc' ? protocol : 'http',
    requestsPerSecond: numberIn(row, 'requestsPerSecond'),
    failureRatio: numberIn(row, 'failureRatio'),
    deniedRatio: numberIn(row, 'deniedRatio'),
    ...optional(row, 'p50Ms'),
    ...optional(row, 'p95Ms'),
    ...optional(row, 'p99Ms'),
    ...optional(row, 'mutualTlsRatio'),
    ...text(row, 'sourcePrincipal'),
    ...text(row, 'destinationPrincipal'),
    connectionsPerSecond: numberIn(row, 'connectionsPerSecond'),
    bytesSentPerSecond: numberIn(row, 'bytesSentPerSecond'),
    bytesReceivedPerSecond: numberIn(row, 'bytesReceivedPerSecond'),
  };
}

/** Asks the control plane. Throws CliError where it does not answer, or refuses. */
export async function fetchRows(state: StateDir, query: SignalQuery): Promise<SignalRow[]> {
  const parameters = new URLSearchParams({ by: query.by, window: query.window });
  for (const name of ['namespace', 'source', 'destination'] as const) {
    const value = query[name];
    if (value !== undefined && value !== '') parameters.set(name, value);
  }
  const answer = await callControl(state, `/api/signals?${parameters.toString()}`);
  return rowsAt(answer, 'rows').map(readRow);
}

/** True where `wanted` is the whole name, or its last part (`web` of `shop/web`, `canary` of `VirtualService shop/web, canary`), or its first (`web` of `web.shop.svc…`). */
export function isNamed(name: string, wanted: string): boolean {
  return (
    name === wanted ||
    name.endsWith(`/${wanted}`) ||
    name.endsWith(`>${wanted}`) ||
    name.endsWith(`, ${wanted}`) ||
    name.startsWith(`${wanted}.`)
  );
}
