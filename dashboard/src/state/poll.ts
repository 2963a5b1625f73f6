/** Values that are asked for again and again while somebody looks at them, and kept for who comes back to them. */
import { type ReadonlySignal, signal, type Signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { getJson, messageOf } from './api.ts';

/** What was asked for. */
export interface Polled<T> {
  /** The last value; undefined before the first. */
  readonly value: T | undefined;
  /** Why the last attempt failed; '' where it did not. */
  readonly error: string;
  readonly atMs: number;
}

type Read = (path: string) => Promise<unknown>;

interface Source {
  readonly state: Signal<Polled<unknown>>;
  watchers: number;
  timer: ReturnType<typeof setTimeout> | undefined;
  /** Who asks now: an answer that comes when nobody waited for it any more begins no second round. */
  round: object;
}

const NOTHING: Polled<never> = { value: undefined, error: '', atMs: 0 };
const SOURCES_MAX = 60;
const sources = new Map<string, Source>();

function sourceOf(path: string): Source {
  const known = sources.get(path);
  if (known !== undefined) return known;
  const made: Source = { state: signal(NOTHING), watchers: 0, timer: undefined, round: {} };
  for (const [other, { watchers }] of sources) {
    if (sources.size < SOURCES_MAX) break;
    if (watchers === 0) sources.delete(other);
  }
  sources.set(path, made);
  return made;
}

async function refresh(path: string, source: Source, everyMs: number, read: Read): Promise<void> {
  const { round } = source;
  // nobody sees a hidden page
  if (!document.hidden || source.state.peek().value === undefined) {
    try {
      source.state.value = { value: await read(path), error: '', atMs: Date.now() };
    } catch (error) {
      source.state.value = { ...source.state.peek(), error: messageOf(error) };
    }
  }
  if (source.round === round) source.timer = setTimeout(() => void refresh(path, source, everyMs, read), everyMs);
}

function watch(path: string, everyMs: number, read: Read): () => void {
  const source = sourceOf(path);
  source.watchers += 1;
  if (source.watchers === 1) void refresh(path, source, everyMs, read);
  return () => {
    source.watchers -= 1;
    if (source.watchers > 0) return;
    clearTimeout(source.timer);
    source.round = {};
  };
}

/** The value of `GET path`, asked for every `everyMs` while the component is shown; an empty path asks nothing. */
export function usePoll<T>(path: string, everyMs: number, read: Read = getJson): ReadonlySignal<Polled<T>> {
  useEffect(() => (path === '' ? undefined : watch(path, everyMs, read)), [path, everyMs]);
  return sourceOf(path).state as ReadonlySignal<Polled<T>>;
}

/** What stands where a list has no rows: why it was not to be had, that it is asked for, or `empty`. */
export function emptyText({ value, error }: Polled<unknown>, empty: string): string {
  if (value !== undefined) return empty;
  return error === '' ? 'Loading…' : error;
}
