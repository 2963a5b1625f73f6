/** What an authorization service says, whichever way it was asked, and what becomes of a request by it. */
import type { HeaderMap, RequestHead } from '../../../../wire/http/message.ts';
import type { Target } from '../mutation/head-target.ts';

export type Field = readonly [name: string, value: string];

/** How a field goes into a head. Source: Envoy, HeaderAppendAction. */
type FieldAction = 'add' | 'set' | 'add-if-absent' | 'set-if-present' | 'append-if-present';

export interface FieldChange {
  readonly name: string;
  readonly value: string;
  readonly action: FieldAction;
}

export type Verdict =
  | {
      readonly kind: 'ok';
      readonly request: readonly FieldChange[];
      /** Names of fields to take away. */
      readonly removed: readonly string[];
      readonly response: readonly FieldChange[];
      readonly querySet: readonly Field[];
      readonly queryRemoved: readonly string[];
      readonly metadata: Readonly<Record<string, unknown>>;
    }
  | {
      readonly kind: 'denied';
      readonly status: number;
      readonly fields: readonly Field[];
      readonly body: string;
      readonly metadata: Readonly<Record<string, unknown>>;
    }
  /** No answer, or one that says nothing. */
  | { readonly kind: 'error'; readonly reason: string };

/** Puts a field into a head, or into its start line. */
export function applyChange(target: Target, { name, value, action }: FieldChange): void {
  switch (action) {
    case 'add':
      return target.add(name, value);
    case 'set':
      return target.set(name, value);
    case 'add-if-absent':
      if (!target.has(name)) target.add(name, value);
      return;
    case 'set-if-present':
      if (target.has(name)) target.set(name, value);
      return;
    case 'append-if-present': {
      const before = target.get(name);
      if (before !== undefined) target.set(name, `${before},${value}`);
    }
  }
}

/** Takes fields away, but neither the start line nor the host. */
export function removeFields(headers: HeaderMap, names: readonly string[]): void {
  for (const name of names) {
    const lower = name.toLowerCase();
    if (lower !== '' && !lower.startsWith(':') && lower !== 'host') headers.remove(lower);
  }
}

/** Sets and removes query parameters; all of them come out by their names, each with an `=`, as in Envoy. */
export function changeQuery(head: RequestHead, set: readonly Field[], removed: readonly string[]): void {
  const start = head.path.indexOf('?');
  const base = start === -1 ? head.path : head.path.slice(0, start);
  const parameters = new Map<string, string[]>();
  for (const pair of start === -1 ? [] : head.path.slice(start + 1).split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const key = equals === -1 ? pair : pair.slice(0, equals);
    const values = parameters.get(key) ?? [];
    parameters.set(key, [...values, equals === -1 ? '' : pair.slice(equals + 1)]);
  }
  for (const [key, value] of set) parameters.set(key, [value]);
  for (const key of removed) parameters.delete(key);
  const pairs = [...parameters]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, values]) => values.map((value) => `${key}=${value}`));
  head.path = pairs.length === 0 ? base : `${base}?${pairs.join('&')}`;
}

const NAME = /^:?[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const BAD_VALUE = /[\0\r\n]/;

function isFieldValid(name: string, value: string): boolean {
  return NAME.test(name) && !BAD_VALUE.test(value);
}

/** Whether everything that a verdict changes can stand in a message. */
export function isVerdictValid(verdict: Verdict): boolean {
  if (verdict.kind === 'error') return true;
  if (verdict.kind === 'denied') return verdict.fields.every(([name, value]) => isFieldValid(name, value));
  const fields = [...verdict.request, ...verdict.response].every(({ name, value }) => isFieldValid(name, value));
  return fields && verdict.querySet.every(([key, value]) => !/[\s#&]/.test(key) && !/[\s#&]/.test(value));
}
