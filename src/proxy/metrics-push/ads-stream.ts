/**
 * A stream of requests to the server of ADS beside ADS itself. It is opened with the first message, and again with a
 * later one where it has broken; what waits then is lost, and counted.
 */
import type { DescMessage, DescMethodClientStreaming, MessageInitShape } from '@bufbuild/protobuf';
import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { settlesWithin } from '../../core/settles-within.ts';
import type { GrpcStream } from '../../net/grpc-client.ts';
import type { AdsSettings } from '../config/ads-target.ts';
import type { Counter } from '../telemetry/stats.ts';
import { REST_MS } from '../telemetry/unsent.ts';

export interface AdsStreamOptions<I extends DescMessage, O extends DescMessage> {
  readonly ads: AdsSettings;
  readonly method: DescMethodClientStreaming<I, O>;
  /** The message with the node in it, for the first of a stream. */
  readonly identify: (message: MessageInitShape<I>) => MessageInitShape<I>;
  /** Messages that may wait. */
  readonly maxWaiting: number;
  readonly counters: { readonly sent: Counter; readonly lost: Counter };
  readonly log: Log;
  /** How long the last message of a proxy that ends may take. Default 1 s. */
  readonly goodbyeMs?: number;
}

type Stream<I extends DescMessage> = Pick<GrpcStream<MessageInitShape<I>, unknown>, 'send' | 'waiting' | 'end' | 'abort'>;

export class AdsStream<I extends DescMessage, O extends DescMessage> {
  readonly #options: AdsStreamOptions<I, O>;
  #stream: Stream<I> | undefined = undefined;
  #ended: Promise<void> = Promise.resolve();
  #isOpening = false;
  #isClosed = false;

  constructor(options: AdsStreamOptions<I, O>) {
    this.#options = options;
  }

  send(message: MessageInitShape<I>): void {
    const { counters, maxWaiting } = this.#options;
    if (this.#stream === undefined) {
      if (this.#isOpening) counters.lost.value++;
      else this.#ended = this.#open(message);
      return;
    }
    if (this.#stream.waiting >= maxWaiting) {
      counters.lost.value++;
      return;
    }
    this.#stream.send(message);
    counters.sent.value++;
  }

  /** Ends the stream, one that is being opened after its first message. Resolves when the server has all of it, or after a moment. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stream?.end();
    await settlesWithin(this.#ended, this.#options.goodbyeMs ?? REST_MS);
    this.#stream?.abort();
  }

  async #open(first: MessageInitShape<I>): Promise<void> {
    const { ads, method, identify, counters, log } = this.#options;
    this.#isOpening = true;
    try {
      const { openStream } = await import('../../net/grpc-client.ts');
      const stream = openStream(ads.target, method, ads.options);
      this.#stream = stream;
      this.#isOpening = false;
      stream.send(identify(first));
      counters.sent.value++;
      if (this.#isClosed) stream.end();
      for await (const _ of stream.responses);
      if (this.#isClosed) return;
      throw new Error('the server ended the stream');
    } catch (error) {
      // what waited, or was on its way: at least one
      counters.lost.value += Math.max(1, this.#stream?.waiting ?? 0);
      log[this.#isClosed ? 'warn' : 'debug']('no stream of metrics to the control plane', { error: messageOf(error) });
    } finally {
      this.#stream?.abort();
      this.#stream = undefined;
      this.#isOpening = false;
    }
  }
}
