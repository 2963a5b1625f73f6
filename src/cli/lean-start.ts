/**
 * Keeps a proxy small, by settings of V8 that hold for its whole life or for its start.
 *
 * - Its start runs much code once (the descriptors of the configuration types above all), which V8 would compile for
 *   speed: the compilers' own pages and what they make cost 20 MiB that no request ever uses. So they are off until
 *   the proxy serves.
 * - The compiler of the middle tier, Maglev, stays off: compiling for two tiers keeps up to 15 MiB of working memory
 *   resident. So that a proxy warms up as fast without it, the last tier takes over what was called 1000 times, not
 *   3000.
 * - What requests leave behind is short-lived: a young generation of 2 MiB collects it about as cheaply as one of 16 MiB,
 *   to which V8 would let it grow. One of 1 MiB is too small for many streams at once: what they hold does not die in
 *   it, and made a pair of proxies 60 MiB larger. V8 takes a limit only from its command line, so it is let grow once.
 * - What the start itself leaves behind is collected once it is over, in the one way that gives pages back at once: 8 of
 *   83 MiB, for 10 to 30 ms.
 *
 * `node bench/memory.ts` repeats the figures.
 */
import v8 from 'node:v8';
import vm from 'node:vm';

/** The last moment at which the compilers come back, whether the proxy serves or not, in milliseconds. */
const LEAN_MS_MAX = 10_000;

/** Both halves of the young generation. */
const YOUNG_BYTES = 4 * 1024 * 1024;
/** More than enough to fill it, if V8 does not let it grow. */
const YOUNG_OBJECTS_MAX = 500_000;
const LOOK_MS = 1000;
/** Share of a core below which nothing is to be gained from a larger young generation. */
const BUSY_SHARE = 0.02;

const FOR_LIFE = ['--semi-space-growth-factor=1', '--no-maglev', '--invocation-count-for-turbofan=1000'] as const;
const WHILE_STARTING = ['--no-sparkplug', '--no-opt'] as const;
const ONCE_STARTED = ['--sparkplug', '--opt'] as const;

/** Collects all garbage, and gives free pages back. V8 shows its collector only to contexts made after it was told to. */
function collectAll(): void {
  v8.setFlagsFromString('--expose-gc');
  const collect: unknown = vm.runInNewContext('gc');
  if (typeof collect === 'function') collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  v8.setFlagsFromString('--no-expose-gc');
}

function youngBytes(): number {
  return v8.getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? YOUNG_BYTES;
}

/** Makes the young generation as large as it is to be, by objects that survive in it: some 5 ms. */
function growYoung(): void {
  if (youngBytes() >= YOUNG_BYTES) return;
  v8.setFlagsFromString('--semi-space-growth-factor=2');
  const survivors: object[] = [];
  while (youngBytes() < YOUNG_BYTES && survivors.length < YOUNG_OBJECTS_MAX) for (let i = 0; i < 1000; i++) survivors.push({ i });
  v8.setFlagsFromString('--semi-space-growth-factor=1');
}

/** V8 makes the young generation small again in a process that rests; once it works again, it needs its size back. */
function keepYoung(): void {
  growYoung();
  let before = process.cpuUsage();
  setInterval(() => {
    const { user, system } = process.cpuUsage(before);
    before = process.cpuUsage();
    if (user + system > BUSY_SHARE * LOOK_MS * 1000) growYoung();
  }, LOOK_MS).unref();
}

/** Makes the process lean; to be called before anything large is imported. Call the result once requests may come. */
export function startLean(): () => void {
  for (const flag of [...FOR_LIFE, ...WHILE_STARTING]) v8.setFlagsFromString(flag);
  let isStarting = true;
  const compile = (): void => {
    if (!isStarting) return;
    isStarting = false;
    clearTimeout(timer);
    collectAll();
    keepYoung();
    for (const flag of ONCE_STARTED) v8.setFlagsFromString(flag);
  };
  const timer = setTimeout(compile, LEAN_MS_MAX);
  timer.unref();
  return compile;
}
