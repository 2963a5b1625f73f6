/**
 * Run by `node --build-snapshot`: leaves a process's heap in which a proxy's program stands ready.
 *
 * The program's script is compiled once and run twice. Its first instance rehearses: what V8 compiles for that belongs to
 * the script, thus to both. Everything else of it is dropped: random bytes that were drawn, times, counters. The second
 * instance is the one that is kept, and has only read a configuration.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import v8 from 'node:v8';
import vm from 'node:vm';
import { memoryFile, ownSnapshot, PROGRAM_VARIABLE, TRIAL, TRIAL_ANSWER } from './file.ts';
import { giveBack } from './give-back.ts';

/** Longer than it takes to make a snapshot: by then all is late that waits in it. */
const TRIAL_MS = 2000;

interface Program {
  run(args: readonly string[]): Promise<void>;
  prime(): Promise<void>;
  rehearse(): Promise<void>;
}

/** Where this process's program is: `bin/tulle.js` stands in its command line, as in that of any other. */
const moduleUrl = (): string => new URL('../dist/proxy.cjs', pathToFileURL(path.resolve(process.argv[1] ?? ''))).href;

const requireModule = (name: string): unknown => process.getBuiltinModule(name) ?? createRequire(moduleUrl())(name);

function isProgram(value: object): value is Program {
  return ['run', 'prime', 'rehearse'].every((name) => typeof Reflect.get(value, name) === 'function');
}

/** The functions that begin timers, for one instance. */
type Timing = Readonly<Record<'setTimeout' | 'setInterval', (callback: () => void, ms?: number) => NodeJS.Timeout>>;

function instantiate(script: vm.Script, timing: Timing): Program {
  const wrapper: unknown = script.runInThisContext();
  const module = { exports: {} };
  const given = [module.exports, requireModule, module, timing.setTimeout, timing.setInterval];
  if (typeof wrapper === 'function') Reflect.apply(wrapper, undefined, given);
  if (!isProgram(module.exports)) throw new Error('the program is not what is expected');
  return module.exports;
}

/** Takes back what a rehearsal has asked of the process. */
function forgetListeners(before: ReadonlyMap<string | symbol, ReadonlySet<unknown>>): void {
  for (const event of process.eventNames()) {
    for (const listener of process.rawListeners(event))
      if (before.get(event)?.has(listener) !== true) Reflect.apply(Reflect.get(process, 'removeListener'), process, [event, listener]);
  }
}

/**
 * Lets an instance rehearse, and ends the timers that it leaves. With one that waits, there would be in the snapshot when
 * Node means to look at timers next, by the clock of this process: in another, those due later would not be looked at.
 */
async function rehearse(script: vm.Script): Promise<void> {
  const begun: NodeJS.Timeout[] = [];
  const delaysMs = new Set<number | undefined>();
  const noted = (timer: NodeJS.Timeout, ms: number | undefined): NodeJS.Timeout => {
    begun.push(timer);
    delaysMs.add(ms);
    return timer;
  };
  const timing: Timing = {
    setTimeout: (callback, ms) => noted(setTimeout(callback, ms), ms),
    setInterval: (callback, ms) => noted(setInterval(callback, ms), ms),
  };
  await instantiate(script, timing).rehearse();
  for (const timer of begun) clearTimeout(timer);
  // Node keeps a list for each delay until a timer of it ends that was not unref'd
  for (const ms of delaysMs) clearTimeout(setTimeout(() => {}, ms));
  // and forgets when it meant to look once a timer is over and no list is left
  await new Promise((resolve) => setTimeout(resolve, 1));
}

async function prepare(script: vm.Script, kept: Program): Promise<void> {
  const before = new Map(process.eventNames().map((event) => [event, new Set<unknown>(process.rawListeners(event))]));
  await rehearse(script);
  forgetListeners(before);
  await kept.prime();
  Error.stackTraceLimit = stackTraceLimit;
}

// errors that modules make once and throw many times need no stack, and a snapshot would keep what theirs hold: 0.9 MB
const { stackTraceLimit } = Error;
Error.stackTraceLimit = 0;
const file = process.env[PROGRAM_VARIABLE] ?? '';
Object.defineProperty(globalThis, 'tulleModuleUrl', { get: moduleUrl });
const script = new vm.Script(`(function (exports, require, module, setTimeout, setInterval) {${readFileSync(file, 'latin1')}\n})`, {
  filename: file,
});
const program = instantiate(script, { setTimeout, setInterval });
prepare(script, program).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});

/** Gives the snapshot's memory back, and has V8 look at it again. */
async function tryContexts(): Promise<void> {
  await giveBack(memoryFile(ownSnapshot() ?? ''));
  vm.runInNewContext('');
}

/** Says so when a timer ends in time in a process that began slowly, which is what would be lost first. */
function tryTimers(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TRIAL_MS);
  setTimeout(() => void tryContexts().then(() => process.stdout.write(TRIAL_ANSWER)), 1);
}

v8.startupSnapshot.setDeserializeMainFunction(() => {
  // whenever Node means to look at timers: it does so now
  setTimeout(() => {}, 1);
  // `node … bin/tulle.js proxy …`
  const [, , command, ...args] = process.argv;
  if (command === TRIAL) tryTimers();
  else void program.run(args);
});
