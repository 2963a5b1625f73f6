/**
 * Memoisation by what was read. A step that looks at little of a large scope (one service, its route set, the client's
 * namespace) is given a view of the scope that notes every read, and keeps its result for every scope in which the same
 * reads give the same answers: for other clients, and after changes elsewhere. Nothing that a step reads can be forgotten
 * in a key, because there is no key.
 */
import type { Scope } from './scope.ts';

interface Read {
  readonly ask: (scope: Scope) => unknown;
  readonly answer: unknown;
}

interface Trace {
  readonly scope: Scope;
  readonly reads: Read[];
}

/** What each view notes, and of which scope it is one. */
const traces = new WeakMap<object, Trace>();
/** Views there are at the moment: most of the time none, and then nobody has to ask. */
let open = 0;

/** True while some step is being traced. */
export function isTracing(): boolean {
  return open > 0;
}

/** The trace of a view; undefined where `value` is none. */
export function traceOf(value: unknown): Trace | undefined {
  return open > 0 && typeof value === 'object' && value !== null ? traces.get(value) : undefined;
}

/** Notes what `ask` gives of the trace's scope, and gives it. */
export function noted<Answer>({ scope, reads }: Trace, ask: (scope: Scope) => Answer): Answer {
  const answer = ask(scope);
  reads.push({ ask, answer });
  return answer;
}

/** A map of a scope of which each key that is asked for is a read of its own. */
class TracedMap<Value> implements ReadonlyMap<string, Value> {
  readonly #trace: Trace;
  readonly #mapOf: (scope: Scope) => ReadonlyMap<string, Value>;

  constructor(trace: Trace, mapOf: (scope: Scope) => ReadonlyMap<string, Value>) {
    this.#trace = trace;
    this.#mapOf = mapOf;
  }

  get(key: string): Value | undefined {
    return noted(this.#trace, (scope) => this.#mapOf(scope).get(key));
  }

  has(key: string): boolean {
    return noted(this.#trace, (scope) => this.#mapOf(scope).has(key));
  }

  get size(): number {
    return this.#whole().size;
  }

  entries(): MapIterator<[string, Value]> {
    return this.#whole().entries();
  }

  keys(): MapIterator<string> {
    return this.#whole().keys();
  }

  values(): MapIterator<Value> {
    return this.#whole().values();
  }

  forEach(run: (value: Value, key: string, map: ReadonlyMap<string, Value>) => void, self?: unknown): void {
    this.#whole().forEach(run, self);
  }

  [Symbol.iterator](): MapIterator<[string, Value]> {
    return this.entries();
  }

  #whole(): ReadonlyMap<string, Value> {
    return noted(this.#trace, this.#mapOf);
  }
}

/** A record of a scope of which each field that is read is a read of its own; `deeper` are fields that are such themselves. */
function tracedRecord<Fields extends object>(
  trace: Trace,
  record: Fields,
  recordOf: (scope: Scope) => Fields,
  deeper: ReadonlySet<string>,
): Fields {
  return new Proxy(record, {
    get(target, name) {
      const valueOf = (scope: Scope): unknown => Reflect.get(recordOf(scope), name);
      const value: unknown = Reflect.get(target, name);
      if (value instanceof Map) return new TracedMap<unknown>(trace, (scope) => mapFrom(valueOf(scope)));
      if (typeof name === 'string' && deeper.has(name) && isObject(value)) {
        return tracedRecord(trace, value, (scope) => objectFrom(valueOf(scope)), deeper);
      }
      return noted(trace, valueOf);
    },
    has: (_, name) => noted(trace, (scope) => Reflect.has(recordOf(scope), name)),
    ownKeys(target) {
      noted(trace, (scope) => JSON.stringify(recordOf(scope)));
      return Reflect.ownKeys(target);
    },
  });
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

const NOTHING: object = Object.freeze({});
const EMPTY: ReadonlyMap<string, unknown> = new Map();

function objectFrom(value: unknown): object {
  return isObject(value) ? value : NOTHING;
}

function mapFrom(value: unknown): ReadonlyMap<string, unknown> {
  return value instanceof Map ? value : EMPTY;
}

/** Records of a scope that are read field by field; other fields count by identity. */
const DEEPER: ReadonlySet<string> = new Set(['client', 'labels']);

/** `ask`, whose answer counts as one read of whoever asks while being traced, and not what it reads itself. */
export function queried<Args extends readonly unknown[], Answer>(
  ask: (scope: Scope, ...args: Args) => Answer,
): (scope: Scope, ...args: Args) => Answer {
  return (scope, ...args) => {
    const trace = traceOf(scope);
    return trace === undefined ? ask(scope, ...args) : noted(trace, (each) => ask(each, ...args));
  };
}

interface Entry<Result> {
  readonly reads: readonly Read[];
  readonly result: Result;
}

/** Results of one step and its arguments that are kept: one for each kind of client. */
const ENTRIES_MAX = 64;

function holds<Result>({ reads }: Entry<Result>, scope: Scope): boolean {
  return reads.every(({ ask, answer }) => Object.is(ask(scope), answer));
}

function run<Key, Args extends readonly unknown[], Result>(
  compute: (scope: Scope, key: Key, ...args: Args) => Result,
  scope: Scope,
  key: Key,
  args: Args,
): Entry<Result> {
  const trace: Trace = { scope, reads: [] };
  const view = tracedRecord(trace, scope, (each) => each, DEEPER);
  traces.set(view, trace);
  open += 1;
  try {
    return { reads: trace.reads, result: compute(view, key, ...args) };
  } finally {
    open -= 1;
  }
}

/** `compute` with its results kept as long as `key`, for every scope that gives it the same to read. */
export function traced<Key extends object, Args extends readonly (string | number | boolean)[], Result>(
  compute: (scope: Scope, key: Key, ...args: Args) => Result,
): (scope: Scope, key: Key, ...args: Args) => Result {
  const known = new WeakMap<Key, Map<string, Entry<Result>[]>>();
  const find = (scope: Scope, key: Key, args: Args): Result => {
    const name = args.join('\0');
    let byArgs = known.get(key);
    if (byArgs === undefined) known.set(key, (byArgs = new Map()));
    const entries = byArgs.get(name) ?? [];
    const at = entries.findIndex((entry) => holds(entry, scope));
    const entry = entries[at] ?? run(compute, scope, key, args);
    if (at !== 0) {
      // those that are asked for stand in front, those of the past fall off
      if (at > 0) entries.splice(at, 1);
      entries.unshift(entry);
      entries.splice(ENTRIES_MAX);
      byArgs.set(name, entries);
    }
    return entry.result;
  };
  return (scope, key, ...args) => {
    const trace = traceOf(scope);
    return trace === undefined ? find(scope, key, args) : noted(trace, (each) => find(each, key, args));
  };
}
