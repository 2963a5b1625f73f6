/**
 * Keeps a proxy small, by settings of V8 that hold for its whole life or for its start.
 *
 * - Its start runs much code once, which V8 would compile for speed: the optimizing compiler's own pages and what it
 *   makes cost 9 MiB that no request ever uses. So it is off until the proxy serves.
 * - The compiler of the middle tier, Maglev, stays off: compiling for two tiers keeps up to 15 MiB of working memory
 *   resident. So that a proxy warms up as fast without it, the last tier takes over what was called 1000 times, not
 *   3000.
 * - What requests leave behind is short-lived: the young generation stays as small as it began, at 2 MiB where
 *   who starts the process says `PROXY_FLAGS`, instead of growing to 16 MiB. A proxy that tells of every request makes a
 *   sixth more for each: there it may grow to 4 MiB under load, which is 6 % of its CPU (`growYoungGeneration`).
 * - Where most objects that a line of code makes outlive a collection, V8 would from then on make them in the old
 *   generation. A request's objects do under load, and die soon after: until the next full collection they would keep
 *   alive all that they point to (docs/performance.md, "Flags of V8").
 * - Some seconds after the last requests V8 collects all garbage, and would with the last objects of a shape forget the
 *   shape, and with it all compiled code that knows of it: ninety functions that each request runs, which the next burst
 *   would have to have compiled again. It collects without forgetting (docs/performance.md, "Flags of V8").
 * - What the start itself leaves behind is collected a second after it is over, in the one way that gives pages back at
 *   once: 8 of 83 MiB, for 10 to 30 ms. Not before: the first requests would wait for it.
 * - V8 takes Node's own modules ready compiled, from Node's binary or from a start-up snapshot, only as long as its flags
 *   are those under which they were compiled. So they are loaded before any flag is set, 10 ms of a start of 200. Where a
 *   process begins from a snapshot, that is made under what holds for life, which is said before the process begins; and
 *   what cannot be in it is loaded when it is used, with the flags as they were for as long.
 *
 * `node bench/memory.ts` repeats the figures.
 */
import v8 from 'node:v8';
import vm from 'node:vm';

/** Flags for life that can be set in a running process; one that begins from a snapshot begins with them. */
export const FOR_LIFE = [
  '--semi-space-growth-factor=1',
  '--no-maglev',
  '--invocation-count-for-turbofan=1000',
  '--no-allocation-site-pretenuring',
  '--no-memory-reducer-favors-memory',
  '--retain-maps-for-n-gc=1000000',
] as const;

/** The other value of the first: the young generation may grow, as far as the process has said when it began. */
const GROWING = ['--semi-space-growth-factor=2'] as const;

/**
 * Flags that a proxy's process has to begin with: the young generation of V8 at 2 MiB or 4, and one helper thread. `bin/tulle`
 * and the supervisor give them, with one arena of the C library for all threads: under HTTP/1.1 load 85 MiB instead
 * of 88.
 */
export const PROXY_FLAGS = ['--min-semi-space-size=2', '--max-semi-space-size=4', '--v8-pool-size=1'] as const;
/** What a proxy's process has in its environment for the same reason. */
export const PROXY_ENV = { MALLOC_ARENA_MAX: '1' } as const;

/** The last moment at which the compilers come back, whether the proxy serves or not, in milliseconds. */
const LEAN_MS_MAX = 10_000;

const WHILE_STARTING = ['--no-opt'] as const;
const ONCE_STARTED = ['--opt'] as const;

/** How long after its start what it has left behind is collected, in milliseconds. */
const COLLECT_AFTER_MS = 1000;

/** What every proxy uses: a listener loads `cluster`, which loads the modules of processes and threads. */
const NODE_MODULES = ['net', 'tls', 'crypto', 'fs/promises', 'dns/promises', 'cluster', 'worker_threads'] as const;

/** Collects all garbage, and gives free pages back. V8 shows its collector only to contexts made after it was told to. */
function collectAll(): void {
  v8.setFlagsFromString('--expose-gc');
  const collect: unknown = vm.runInNewContext('gc');
  if (typeof collect === 'function') collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  v8.setFlagsFromString('--no-expose-gc');
}

function setFlags(flags: readonly string[]): void {
  for (const flag of flags) v8.setFlagsFromString(flag);
}

let isStarting = false;
let isGrowing = false;

/** Lets the young generation grow, once the process has started. It does so under load only, and stays as it is then. */
export function growYoungGeneration(): void {
  isGrowing = true;
  if (!isStarting) setFlags(GROWING);
}

/**
 * Loads one of Node's own modules while the flags are those under which it was compiled. A start-up snapshot's program
 * calls it where its sources import such a module (tools/bundle.ts).
 *
 * @public
 */
export function loadCompiled(name: string): unknown {
  if (!isStarting) return process.getBuiltinModule(name);
  setFlags(ONCE_STARTED);
  try {
    return process.getBuiltinModule(name);
  } finally {
    setFlags(WHILE_STARTING);
  }
}

/**
 * Makes a process lean that began from a snapshot, which has its modules. Call the result once requests may come;
 * `beforeCollection` is awaited before what the start has left behind is collected.
 */
export function startLeanFromSnapshot(beforeCollection: () => Promise<unknown>): () => void {
  setFlags([...FOR_LIFE, ...WHILE_STARTING]);
  isStarting = true;
  const compile = (): void => {
    if (!isStarting) return;
    isStarting = false;
    clearTimeout(timer);
    setFlags(isGrowing ? [...ONCE_STARTED, ...GROWING] : ONCE_STARTED);
    setTimeout(() => void beforeCollection().then(collectAll), COLLECT_AFTER_MS).unref();
  };
  const timer = setTimeout(compile, LEAN_MS_MAX);
  timer.unref();
  return compile;
}

/** Makes a process lean; to be called before anything large is imported. Call the result once requests may come. */
export function startLean(): () => void {
  for (const name of NODE_MODULES) process.getBuiltinModule(`node:${name}`);
  return startLeanFromSnapshot(() => Promise.resolve());
}
