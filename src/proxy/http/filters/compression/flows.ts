/** Bodies of one direction on their way through a compression library: a filter's data and end handlers for them. */
import type { Transform } from 'node:stream';
import type { Counter } from '../../../telemetry/stats.ts';
import { CONTINUE, type HttpStream, STOP, TAKEN_STOP } from '../../filter.ts';
import { Pump } from './pump.ts';

/** A body on its way, and how long it was before and after. */
export interface Flow {
  readonly pump: Pump;
  bytesIn: number;
  bytesOut: number;
}

export interface FlowHandlers {
  /** Gives what came out to the next filter. */
  pass(bytes: Uint8Array): void;
  /** The next piece, or the end, may go on. */
  onReady(flow: Flow): void;
  onError(): void;
}

export class Flows {
  readonly #flows = new WeakMap<HttpStream, Flow>();
  readonly #bytesIn: Counter;
  readonly #bytesOut: Counter;

  constructor({ bytesIn, bytesOut }: { readonly bytesIn: Counter; readonly bytesOut: Counter }) {
    this.#bytesIn = bytesIn;
    this.#bytesOut = bytesOut;
  }

  /** From now on the stream's body goes through `transform`. `maxRatio`: as of `Pump`. */
  start(stream: HttpStream, transform: Transform, handlers: FlowHandlers, maxRatio?: number): void {
    const onOutput = (bytes: Uint8Array): void => {
      this.#bytesOut.value += bytes.length;
      flow.bytesOut += bytes.length;
      handlers.pass(bytes);
    };
    const pump = new Pump(transform, { onOutput, onReady: () => handlers.onReady(flow), onError: () => handlers.onError() }, maxRatio);
    const flow: Flow = { pump, bytesIn: 0, bytesOut: 0 };
    this.#flows.set(stream, flow);
  }

  data(stream: HttpStream, data: Uint8Array): typeof CONTINUE | typeof TAKEN_STOP {
    const flow = this.#flows.get(stream);
    if (flow === undefined) return CONTINUE;
    this.#bytesIn.value += data.length;
    flow.bytesIn += data.length;
    flow.pump.write(data);
    return TAKEN_STOP;
  }

  end(stream: HttpStream): typeof CONTINUE | typeof STOP {
    const flow = this.#flows.get(stream);
    if (flow === undefined) return CONTINUE;
    flow.pump.end();
    return STOP;
  }

  close(stream: HttpStream): void {
    this.#flows.get(stream)?.pump.close();
  }
}
