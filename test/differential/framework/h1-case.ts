/** Cases whose client speaks HTTP/1.1: bytes as they are. */
import type { Difference } from '../differences.ts';
import { type Case, type CaseOptions, newCase, tagOf } from './case.ts';
import { type Script, talk } from './h1-client.ts';

type Options = CaseOptions & Partial<Omit<Script, 'pieces'>>;

export interface Request {
  readonly method?: string;
  readonly version?: string;
  /** '' for no Host field. */
  readonly host?: string;
  /** Field lines. */
  readonly fields?: readonly string[];
  readonly body?: string;
  /** What the origin is to do: see wishes.ts. */
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

/** A POST's bytes with a body that is not described by anything but `fields`. */
export const post = (fields: readonly string[], body: string): string => bytes('/x', { method: 'POST', fields }) + body;

/** A case of raw bytes: one piece, or several with an answer between them. */
export function of(name: string, pieces: string | readonly string[], options: Options = {}): Case {
  const list = (typeof pieces === 'string' ? [pieces] : pieces).map((piece) => piece.replaceAll('x-case: @', `x-case: ${tagOf(name)}`));
  const { answers = 1, isHead = list.every((piece) => piece.startsWith('HEAD ')), endsAfter = false, ...rest } = options;
  return newCase(name, (target) => talk(target, { pieces: list, answers, isHead, endsAfter }), rest);
}

/** One plain request. */
export const ask = (name: string, target: string, request: Request = {}, options: Options = {}): Case =>
  of(name, bytes(target, request), options);

/** What both refuse. */
export const refused = (name: string, text: string, listener = 'main'): Case => of(name, text, { isRefusal: true, listener });

/** What Envoy reads in one of several ways that there are: we do not guess. */
export const stricter = (name: string, text: string, reason: Difference, listener = 'main'): Case =>
  of(name, text, { stricter: reason, listener });
