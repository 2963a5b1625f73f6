import type { HttpFilterHandlers } from './filter.ts';

type Kind = keyof HttpFilterHandlers;
export type Having<K extends Kind> = HttpFilterHandlers & Required<Pick<HttpFilterHandlers, K>>;

/** Where a filter stands among those that see data and ends: how many of them run before it, and how many up to and with it. */
export interface Standing {
  readonly dataBefore: number;
  readonly dataAfter: number;
  readonly endBefore: number;
}

/** One direction's filters in the order in which they run, each list only those that take part. */
interface FilterOrder<Headers extends Kind, Data extends Kind, End extends Kind> {
  readonly headers: readonly Having<Headers>[];
  readonly data: readonly Having<Data>[];
  readonly ends: readonly Having<End>[];
  readonly standings: ReadonlyMap<HttpFilterHandlers, Standing>;
}

export type RequestOrder = FilterOrder<'onRequestHeaders', 'onRequestData', 'onRequestEnd'>;
export type ResponseOrder = FilterOrder<'onResponseHeaders', 'onResponseData', 'onResponseEnd'>;

/** Those that have a handler of a kind. */
export function having<K extends Kind>(handlers: readonly HttpFilterHandlers[], kind: K): Having<K>[] {
  return handlers.filter((each): each is Having<K> => each[kind] !== undefined);
}

function order<H extends Kind, D extends Kind, E extends Kind>(
  handlers: readonly HttpFilterHandlers[],
  headersKind: H,
  dataKind: D,
  endKind: E,
): FilterOrder<H, D, E> {
  const standings = new Map<HttpFilterHandlers, Standing>();
  let dataBefore = 0;
  let endBefore = 0;
  for (const each of handlers) {
    const dataAfter = dataBefore + (each[dataKind] === undefined ? 0 : 1);
    standings.set(each, { dataBefore, dataAfter, endBefore });
    dataBefore = dataAfter;
    if (each[endKind] !== undefined) endBefore++;
  }
  return { headers: having(handlers, headersKind), data: having(handlers, dataKind), ends: having(handlers, endKind), standings };
}

/** The order of requests: as configured. */
export function requestOrder(handlers: readonly HttpFilterHandlers[]): RequestOrder {
  return order(handlers, 'onRequestHeaders', 'onRequestData', 'onRequestEnd');
}

/** The order of responses: from the last filter to the first. */
export function responseOrder(handlers: readonly HttpFilterHandlers[]): ResponseOrder {
  return order(handlers.toReversed(), 'onResponseHeaders', 'onResponseData', 'onResponseEnd');
}
