/** One case of the comparison, and how cases are written down. */
import type { ListenerName } from './bootstrap.ts';

export interface Case {
  readonly name: string;
  readonly listener: ListenerName;
  /** Bytes of a connection; between two pieces an answer is awaited. */
  readonly pieces: readonly string[];
  /** Answers after the last piece, interim ones too. */
  readonly answers: number;
  readonly isHead: boolean;
  readonly endsAfter: boolean;
  /** Only that both refuse with a 4xx or 5xx, close, and send nothing upstream. */
  readonly isRefusal: boolean;
  /** Why Tulle refuses what Envoy lets pass; '' where it does not. */
  readonly stricter: string;
  /** Parts of what was observed that differ, by their path, with the reason. */
  readonly differs: Readonly<Record<string, string>>;
}

type Options = Partial<Omit<Case, 'name' | 'pieces'>>;

interface Request {
  readonly method?: string;
  readonly version?: string;
  /** '' for no Host field. */
  readonly host?: string;
  readonly fields?: readonly string[];
  readonly body?: string;
  /** What the origin is to do: see origin.ts. */
  readonly wish?: string;
}

/** A request's bytes; `x-case` is filled in by `of`. */
export function bytes(target: string, request: Request = {}): string {
  const { method = 'GET', version = 'HTTP/1.1', host = 'any.test', fields = [], body = '', wish = '' } = request;
  const lines = [
    `${method} ${target} ${version}`,
    ...(host === '' ? [] : [`Host: ${host}`]),
    'x-case: @',
    ...(wish === '' ? [] : [`x-do: ${wish}`]),
    ...fields,
    ...(body !== '' && !fields.some((field) => /^transfer-encoding/i.test(field)) ? [`content-length: ${body.length}`] : []),
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** A case of raw bytes: one piece, or several with an answer between them. */
export function of(name: string, pieces: string | readonly string[], options: Options = {}): Case {
  const list = typeof pieces === 'string' ? [pieces] : pieces;
  return {
    name,
    listener: 'main',
    answers: 1,
    isHead: false,
    endsAfter: false,
    isRefusal: false,
    stricter: '',
    differs: {},
    ...options,
    pieces: list.map((piece) => piece.replaceAll('x-case: @', `x-case: ${name.replaceAll(' ', '-')}`)),
  };
}

/** One plain request. */
export const ask = (name: string, target: string, request: Request = {}, options: Options = {}): Case =>
  of(name, bytes(target, request), options);
/** What both refuse. */
export const refused = (name: string, text: string, listener: ListenerName = 'main'): Case => of(name, text, { isRefusal: true, listener });
/** What Envoy reads in one of several ways that there are: we do not guess. */
export const stricter = (name: string, text: string, reason: string, listener: ListenerName = 'main'): Case =>
  of(name, text, { stricter: reason, listener });

/** The same case, with what differs. */
export const differing = (each: Case, differs: Case['differs']): Case => ({ ...each, differs });
