/** Which requests of a file would be routed or decided otherwise. */
import { messageOf } from '../../core/errors.ts';
import { type Asked, readAsked, readHeader } from '../explain/asked.ts';
import { percent } from '../explain/chance.ts';
import { explain } from '../explain/explain.ts';
import { clustersIn, outcomes } from '../explain/explanation.ts';
import type { World } from '../explain/world.ts';
import { CliError, usageError } from '../errors.ts';
import { isObject, textOf } from '../json.ts';

/** Requests that change alike. */
export interface RequestChange {
  readonly count: number;
  readonly from: string;
  readonly to: string;
  readonly before: string;
  readonly after: string;
}

function headersOf(value: unknown): Asked['headers'] {
  if (Array.isArray(value)) return value.map((each) => readHeader(textOf(each)));
  return isObject(value) ? Object.entries(value).map(([name, each]) => [name.toLowerCase(), textOf(each)]) : [];
}

function readLine(line: string, number: number): Asked {
  try {
    const value: unknown = JSON.parse(line);
    const { from, to, method, headers, gateway } = isObject(value) ? value : {};
    return readAsked({
      from: from === undefined ? undefined : textOf(from),
      gateway: gateway === undefined ? undefined : textOf(gateway),
      to: textOf(to),
      method: textOf(method) || undefined,
      headers: headersOf(headers),
    });
  } catch (cause) {
    const hint = 'each line is {"from":"shop/web","to":"http://reviews:9081/","method":"GET","headers":{}}';
    throw usageError(`line ${number} of the requests: ${messageOf(cause)}`, hint, cause);
  }
}

/** Reads requests, one JSON object a line. Throws CliError naming the line. */
export function readRequests(text: string): Asked[] {
  return text.split('\n').flatMap((line, i) => (line.trim() === '' ? [] : [readLine(line, i + 1)]));
}

interface Decided {
  readonly text: string;
  readonly route: string;
}

/** What a request comes to in a line, and by which clusters. */
async function decide(world: World, asked: Asked): Promise<Decided> {
  try {
    const explained = await explain(world, asked);
    const shares = new Map<string, number>();
    for (const { share, verdict } of outcomes(explained)) shares.set(verdict.text, (shares.get(verdict.text) ?? 0) + share);
    const text = [...shares].map(([each, share]) => (shares.size === 1 ? each : `${percent(share)} ${each}`)).join(', ');
    return { text, route: clustersIn(explained).join(', ') };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return { text: error.message, route: '' };
  }
}

function whoOf({ from, via }: Asked): string {
  if (from === 'outside') return from;
  if (from === undefined) return via === undefined ? 'a gateway' : `gateway ${via.name}`;
  return from.namespace === undefined ? from.name : `${from.namespace}/${from.name}`;
}

/** Explains every request in both worlds; those with one client, host and change are one row. */
export async function requestChanges(before: World, after: World, requests: readonly Asked[]): Promise<RequestChange[]> {
  const rows = new Map<string, RequestChange>();
  const decided = new Map<string, readonly [former: Decided, next: Decided]>();
  for (const asked of requests) {
    const request = JSON.stringify(asked);
    const known = decided.get(request) ?? ([await decide(before, asked), await decide(after, asked)] as const);
    decided.set(request, known);
    const [former, next] = known;
    if (former.text === next.text && former.route === next.route) continue;
    // where the end is the same the way is told
    const [old, now] =
      former.text === next.text ? [`${former.text} by ${former.route}`, `${next.text} by ${next.route}`] : [former.text, next.text];
    const row = { from: whoOf(asked), to: asked.to.host, before: old, after: now };
    const key = JSON.stringify(row);
    rows.set(key, { ...row, count: (rows.get(key)?.count ?? 0) + 1 });
  }
  return [...rows.values()].toSorted((a, b) => b.count - a.count);
}
