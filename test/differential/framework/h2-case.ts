/** Cases whose client speaks HTTP/2. */
import { type Case, type CaseOptions, newCase, tagOf } from './case.ts';
import { type Script, talk2 } from './h2-client.ts';
import type { Field } from './h2-hpack.ts';

export interface Request2 {
  readonly method?: string;
  readonly scheme?: string;
  readonly authority?: string;
  /** Lines of `name: value`, as in HTTP/1.1. */
  readonly fields?: readonly string[];
  /** Pieces of the body, one DATA frame each. */
  readonly body?: string | readonly string[];
  /** Lines of `name: value`. */
  readonly trailers?: readonly string[];
  /** What the origin is to do: see wishes.ts. */
  readonly wish?: string;
}

/** A field of a line `name: value`. */
export function fieldOf(line: string): Field {
  const colon = line.indexOf(':', 1);
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}

/** The head of a proper request by the case of that name. */
export function head(name: string, path: string, request: Request2 = {}): Field[] {
  const { method = 'GET', scheme = 'http', authority = 'any.test', fields = [], wish = '' } = request;
  return [
    [':method', method],
    [':scheme', scheme],
    [':authority', authority],
    [':path', path],
    ['x-case', tagOf(name)],
    ...(wish === '' ? [] : ([['x-do', wish]] as const)),
    ...fields.map(fieldOf),
  ];
}

/** A case that does with its connection what it wants. */
export const on2 = (name: string, script: Script, options: CaseOptions = {}): Case =>
  newCase(name, (target) => talk2(target, script), options);

/** One plain request. */
export function ask2(name: string, path: string, request: Request2 = {}, options: CaseOptions = {}): Case {
  const { body = [], trailers = [] } = request;
  const pieces = typeof body === 'string' ? [body] : body;
  const script: Script = (client) => {
    const isBare = pieces.length === 0 && trailers.length === 0;
    const stream = client.request(head(name, path, request), isBare);
    for (const [index, piece] of pieces.entries()) stream.data(piece, index === pieces.length - 1 && trailers.length === 0);
    if (trailers.length > 0) stream.trailers(trailers.map(fieldOf));
  };
  return on2(name, script, options);
}

/** A request of these fields and no others, right or wrong. */
export const rawAsk2 = (name: string, fields: readonly Field[], options: CaseOptions = {}): Case =>
  on2(name, (client) => void client.request([...fields, ['x-case', tagOf(name)]]), options);
