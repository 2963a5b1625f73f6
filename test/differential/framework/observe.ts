/** What was observed of a case, without what no two runs have in common; and how two observations differ. */
import os from 'node:os';
import type { Answer, Talk } from './case.ts';
import type { Seen } from './origin.ts';

/** Fields by name; those of one name in their order. The order of different names has no meaning. */
type Fields = Readonly<Record<string, readonly string[]>>;

export interface Observation {
  readonly answers: readonly object[];
  readonly connection: string;
  readonly upstream: readonly object[];
  readonly log: readonly object[];
}

/** Values that no two runs have in common. */
const RANDOM: Readonly<Record<string, RegExp>> = {
  date: /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/,
  'x-request-id': /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  'x-envoy-upstream-service-time': /^\d+$/,
  'x-forwarded-port': /^\d{4,5}$/,
};

/** Addresses of this machine: Envoy names one of them where the client came from loopback, we say what we see. */
const OWN_ADDRESSES = Object.values(os.networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));

function withoutOwn(text: string): string {
  return OWN_ADDRESSES.reduce((rest, address) => rest.replaceAll(address, '<own address>'), text).replaceAll(
    /((?:<own address>\]?|127(?:\.\d+){3}):)\d+/g,
    '$1<port>',
  );
}

/** A time of which some has passed, by the power of two above it: seconds would differ by a moment. */
const upTo = (timeMs: number): string => (timeMs <= 0 ? String(timeMs) : `up to ${2 ** Math.ceil(Math.log2(timeMs))} ms`);

/** A field's value without what differs between two runs, or only in letters' case that has no meaning. */
function plain(name: string, value: string): string {
  if (RANDOM[name]?.test(value) === true) return `<${name}>`;
  if (name === 'connection') return value.toLowerCase();
  // what is left of a timeout when an attempt begins
  if (name === 'x-envoy-expected-rq-timeout-ms') return upTo(Number(value));
  if (name === 'grpc-timeout') return value.replace(/^(\d+)m$/, (_, ms: string) => upTo(Number(ms)));
  return withoutOwn(value);
}

function readFields(lines: readonly string[]): Fields {
  const fields: Record<string, string[]> = {};
  for (const line of lines) {
    const colon = line.indexOf(':', 1);
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    (fields[name] ??= []).push(plain(name, value));
  }
  return Object.fromEntries(Object.entries(fields).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function answerOf({ line, fields, body, trailers, isWhole, end }: Answer): object {
  return {
    line,
    fields: readFields(fields),
    body: withoutOwn(body),
    trailers: readFields(trailers),
    isWhole,
    ...(end === undefined ? {} : { end }),
  };
}

function seenOf({ fields, trailers, ...rest }: Seen): object {
  return { ...rest, fields: readFields(fields), trailers: readFields(trailers) };
}

function isShadow({ fields }: Seen): boolean {
  return fields.some((line) => /^(host|:authority):.*-shadow/i.test(line));
}

function logOf(line: Record<string, unknown>): object {
  const { direct: _port, local: _local, case: _case, ...rest } = line;
  return JSON.parse(withoutOwn(JSON.stringify(rest))) as object;
}

/** Everything of one case: what its client, its origin and the access log have. */
export function observe(talk: Talk, seen: readonly Seen[], log: readonly Record<string, unknown>[]): Observation {
  // a mirrored request, whose Host says so, may come before the one that it mirrors
  const upstream = seen.toSorted((a, b) => Number(isShadow(a)) - Number(isShadow(b)));
  return { answers: talk.answers.map(answerOf), connection: talk.connection, upstream: upstream.map(seenOf), log: log.map(logOf) };
}

/** Everything that was observed, one entry a value: `answers.0.fields.server.0`. */
function flatten(value: unknown, path: string, into: Map<string, unknown>): Map<string, unknown> {
  if (typeof value !== 'object' || value === null) return into.set(path, value);
  for (const [key, inner] of Object.entries(value)) flatten(inner, path === '' ? key : `${path}.${key}`, into);
  if (Array.isArray(value)) into.set(`${path}.length`, value.length);
  return into;
}

/** The values of an observation by their paths. */
export const valuesOf = (observation: Observation): ReadonlyMap<string, unknown> => flatten(observation, '', new Map());

/** The paths whose values differ, with a line for people. */
export function differences(ours: Observation, theirs: Observation): ReadonlyMap<string, string> {
  const a = valuesOf(ours);
  const b = valuesOf(theirs);
  const paths = [...new Set([...a.keys(), ...b.keys()])].filter((path) => a.get(path) !== b.get(path)).toSorted();
  const show = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 200);
  return new Map(paths.map((path) => [path, `${path}: Tulle ${show(a.get(path))}, Envoy ${show(b.get(path))}`]));
}

/** It was refused by a 4xx or 5xx on a connection that then was closed, and nothing went upstream. */
export function isRefused({ answers, connection, upstream }: Observation): boolean {
  const [first] = answers as readonly { readonly line: string }[];
  const isError = / [45]\d\d( |$)/.test(first?.line ?? '');
  return answers.length === 1 && isError && connection.startsWith('closed') && upstream.length === 0;
}
