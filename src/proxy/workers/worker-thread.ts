import { Worker } from 'node:worker_threads';
import { messageOf } from '../../core/errors.ts';
import type { FromWorker, ToWorker, WorkerStart } from './protocol.ts';

/** Megabytes of V8's young generation in a loop: three halves of 2 MiB, as `bin/tulle.js` has it for the main one. */
const YOUNG_MB = 6;
/** How long a loop has to end by itself, in milliseconds. */
const END_MS = 2000;

export interface ThreadHandlers {
  onMessage(message: FromWorker): void;
  /** The thread has ended; `error` is why, undefined where it was told to. */
  onEnd(error: string | undefined): void;
}

/** Runs in the thread: loads the program, of which `entry` is the module, and lets it go on as a loop. */
const BEGIN = `
const { workerData } = require('node:worker_threads');
require('node:module').enableCompileCache?.();
import(workerData.entry).then(({ runWorkerThread }) => runWorkerThread());
`;

/** One event loop in a thread. */
export class WorkerThread {
  readonly #worker: Worker;
  #error: string | undefined = undefined;
  #isEnding = false;

  /** `entry` is the URL of the module that has `runWorkerThread`. */
  constructor(entry: string, start: WorkerStart, handlers: ThreadHandlers) {
    this.#worker = new Worker(BEGIN, {
      eval: true,
      name: `tulle loop ${start.loop}`,
      workerData: { entry, start },
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
    this.#worker.on('message', (message: FromWorker) => handlers.onMessage(message));
    this.#worker.on('error', (error) => (this.#error = messageOf(error)));
    this.#worker.on('exit', (code) => handlers.onEnd(this.#isEnding ? undefined : (this.#error ?? `exit code ${code}`)));
  }

  send(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  /** Lets it write what waits, and ends it. */
  async end(): Promise<void> {
    this.#isEnding = true;
    const ended = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()));
    this.send({ kind: 'close' });
    const timer = setTimeout(() => void this.#worker.terminate(), END_MS);
    await ended;
    clearTimeout(timer);
  }
}
