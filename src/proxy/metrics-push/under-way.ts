/** Messages of a sink that are under way to a collector: a bounded number, and at the end a moment to arrive. */
import type { Log } from '../../core/log.ts';
import { settlesWithin } from '../../core/settles-within.ts';
import { REST_MS } from '../telemetry/unsent.ts';
import type { SinkScope } from './sink.ts';

export class UnderWay {
  readonly #max: number;
  readonly #counters: SinkScope['counters'];
  readonly #log: Log;
  readonly #none = Promise.withResolvers<void>();
  #count = 0;
  #isClosed = false;

  /** Of more than `max` messages the further ones are lost: a collector that is slow must not cost memory. */
  constructor(max: number, { counters, log }: Pick<SinkScope, 'counters' | 'log'>) {
    this.#max = max;
    this.#counters = counters;
    this.#log = log;
  }

  /** Begins a message; what it returns takes whether it has been taken. undefined where it is one too many, and lost. */
  begin(): ((isTaken: boolean) => void) | undefined {
    if (this.#count >= this.#max) {
      this.#counters.lost.value++;
      return undefined;
    }
    this.#count++;
    return (isTaken) => {
      this.#count--;
      (isTaken ? this.#counters.sent : this.#counters.lost).value++;
      if (this.#count === 0 && this.#isClosed) this.#none.resolve();
    };
  }

  /** Resolves when nothing is under way, or after a moment. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#count === 0 || (await settlesWithin(this.#none.promise, REST_MS))) return;
    this.#log.warn('collectors of metrics have not taken all before the end', { lost: this.#count });
  }
}
