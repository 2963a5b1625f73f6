/**
 * The way of flow records to the server of ADS: a connection of its own, made when there is something to send, given up
 * when there has been nothing for a while. A stream on it takes records for some seconds; its status at the end is the
 * server's receipt for all of them, for the service says nothing before. What waits is bounded, what a stream that fails
 * had not sent yet among it; what does not fit is lost and counted, as is what was sent and has no receipt, and the next
 * message says how much that was.
 */
import { create, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import { FLOW_LOG, LOST_FLOWS_KEY } from '../../core/flow-log.ts';
import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { settlesWithin } from '../../core/settles-within.ts';
import type { GrpcChannel, GrpcStream } from '../../net/grpc-client.ts';
import { type Node, NodeSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { HTTPAccessLogEntry, TCPAccessLogEntry } from '../../xds/gen/envoy/data/accesslog/v3/accesslog_pb.ts';
import {
  AccessLogService,
  type StreamAccessLogsMessage,
  StreamAccessLogsMessage_IdentifierSchema,
  StreamAccessLogsMessageSchema,
} from '../../xds/gen/envoy/service/accesslog/v3/als_pb.ts';
import type { AdsSettings } from '../config/ads-target.ts';
import type { LocalNode } from '../http/filter.ts';
import type { Timers, WheelTimer } from '../timers.ts';
import type { Counter } from '../telemetry/stats.ts';
import { REST_MS } from '../telemetry/unsent.ts';

export interface FlowStreamOptions {
  readonly ads: AdsSettings;
  readonly node: LocalNode;
  readonly timers: Timers;
  readonly log: Log;
  readonly sent: Counter;
  readonly lost: Counter;
  /** How long the last flows of a proxy that ends may take. Default 1 s. */
  readonly goodbyeMs?: number;
  /** How long a stream takes records before the server is asked for its receipt. Default 5 s. */
  readonly openMs?: number;
}

/** Entries that wait at most. */
const MAX_ENTRIES = 2000;
/** Entries that are sent without waiting for more. */
const BATCH_ENTRIES = 200;
/** Messages under way above which entries wait. */
const MAX_MESSAGES = 4;
const FLUSH_MS = 500;
/** While somebody looks on. */
const TAPPED_FLUSH_MS = 50;
const IDLE_MS = 60_000;
const OPEN_MS = 5000;
/** Messages of a stream at most. */
const MESSAGES_PER_STREAM = 64;
/** Streams that wait for their receipt, above which records wait. */
const MAX_UNANSWERED = 2;
const RETRY_MS = 1000;
const MAX_RETRY_MS = 30_000;

/** What one message took along. */
interface Taken {
  readonly http: HTTPAccessLogEntry[];
  readonly tcp: TCPAccessLogEntry[];
  /** How many lost ones it told of. */
  readonly unsaid: number;
}

const countOf = (taken: readonly Pick<Taken, 'http' | 'tcp'>[]): number =>
  taken.reduce((sum, { http, tcp }) => sum + http.length + tcp.length, 0);

const unsaidOf = (taken: readonly Taken[]): number => taken.reduce((sum, { unsaid }) => sum + unsaid, 0);

/** A stream, and what was given to it. */
interface Carrier {
  readonly stream: Pick<GrpcStream<StreamAccessLogsMessage, unknown>, 'send' | 'waiting' | 'end' | 'responses'>;
  readonly taken: Taken[];
  /** The first message says who sends. */
  isIdentified: boolean;
}

export class FlowStream {
  readonly #options: FlowStreamOptions;
  #http: HTTPAccessLogEntry[] = [];
  #tcp: TCPAccessLogEntry[] = [];
  #channel: GrpcChannel | undefined;
  /** The one that takes more; there is none while nothing is sent. */
  #carrier: Carrier | undefined;
  /** Those that have no receipt yet. */
  readonly #unanswered = new Set<Promise<void>>();
  #isOpening = false;
  #isClosed = false;
  /** The last moment for what waits has passed. */
  #isOver = false;
  #failures = 0;
  #unsaid = 0;
  /** Entries that were counted as sent and came back: they are not counted again. */
  #countedAhead = 0;
  #flush: WheelTimer | undefined;
  #idle: WheelTimer | undefined;
  #renewal: WheelTimer | undefined;
  isTapped = false;

  constructor(options: FlowStreamOptions) {
    this.#options = options;
  }

  addHttp(entry: HTTPAccessLogEntry): void {
    if (this.#hasRoom()) this.#http.push(entry);
    this.#flushSoon();
  }

  addTcp(entry: TCPAccessLogEntry): void {
    if (this.#hasRoom()) this.#tcp.push(entry);
    this.#flushSoon();
  }

  /** Streams that nobody is told of, besides those that had no room. */
  addLost(count: number): void {
    this.#options.lost.value += count;
    this.#unsaid += count;
  }

  /** Sends what waits, over a new stream where there is none, and ends. Resolves when the server has all of it, or after a moment. */
  async close(): Promise<void> {
    const { timers, log, lost, goodbyeMs = REST_MS } = this.#options;
    const before = lost.value;
    this.#isClosed = true;
    timers.cancel(this.#flush);
    this.#send();
    this.#endCarrier();
    await settlesWithin(this.#allAnswered(), goodbyeMs);
    this.#isOver = true;
    this.#disconnect();
    timers.cancel(this.#flush);
    await this.#allAnswered();
    this.addLost(this.#waiting);
    const untaken = lost.value - before;
    if (untaken > 0) log.warn('the control plane has not taken all flow records before the end', { lost: untaken });
  }

  async #allAnswered(): Promise<void> {
    while (this.#unanswered.size > 0) await Promise.all(this.#unanswered);
  }

  get #waiting(): number {
    return this.#http.length + this.#tcp.length;
  }

  #hasRoom(): boolean {
    if (this.#waiting < MAX_ENTRIES) return true;
    this.addLost(1);
    return false;
  }

  #flushSoon(): void {
    const { timers } = this.#options;
    const { stream } = this.#carrier ?? {};
    if (this.#waiting >= BATCH_ENTRIES && stream !== undefined && stream.waiting < MAX_MESSAGES) {
      this.#send();
      return;
    }
    this.#flush ??= timers.after(this.isTapped ? TAPPED_FLUSH_MS : FLUSH_MS, () => {
      this.#flush = undefined;
      this.#send();
    });
  }

  /** What waits goes out, where there is a stream that takes it; else there will be one. */
  #send(): void {
    if (this.#waiting === 0) return;
    const carrier = this.#carrier;
    if (carrier === undefined) {
      this.#open();
      return;
    }
    if (carrier.stream.waiting >= MAX_MESSAGES) {
      this.#flushSoon();
      return;
    }
    const [http, tcp] = [this.#http, this.#tcp];
    this.#http = [];
    this.#tcp = [];
    this.#countSent(http.length + tcp.length);
    if (http.length > 0) this.#give(carrier, { http, tcp: [], unsaid: this.#unsaid });
    if (tcp.length > 0) this.#give(carrier, { http: [], tcp, unsaid: this.#unsaid });
    if (carrier.taken.length >= MESSAGES_PER_STREAM) this.#endCarrier();
    this.#giveUpWhenIdle();
  }

  #give(carrier: Carrier, taken: Taken): void {
    const { http, tcp } = taken;
    carrier.stream.send(
      this.#message(
        carrier,
        http.length > 0 ? { case: 'httpLogs', value: { logEntry: http } } : { case: 'tcpLogs', value: { logEntry: tcp } },
      ),
    );
    carrier.taken.push(taken);
  }

  #countSent(count: number): void {
    const before = Math.min(count, this.#countedAhead);
    this.#countedAhead -= before;
    this.#options.sent.value += count - before;
  }

  /** What a stream that failed had not sent yet waits again, as far as there is room. */
  #takeBack(unsent: readonly Taken[]): void {
    if (this.#isClosed) {
      this.addLost(countOf(unsent));
      return;
    }
    this.#countedAhead += countOf(unsent);
    this.#unsaid += unsaidOf(unsent);
    for (const { http, tcp } of unsent.toReversed()) {
      const room = MAX_ENTRIES - this.#waiting;
      // one message has entries of one kind
      this.#http.unshift(...http.slice(0, room));
      this.#tcp.unshift(...tcp.slice(0, room));
      this.addLost(Math.max(0, http.length + tcp.length - room));
    }
  }

  #message(
    carrier: Carrier,
    logEntries: Exclude<MessageInitShape<typeof StreamAccessLogsMessageSchema>['logEntries'], undefined>,
  ): StreamAccessLogsMessage {
    const says = !carrier.isIdentified || this.#unsaid > 0;
    const message = create(StreamAccessLogsMessageSchema, { logEntries });
    if (says) message.identifier = create(StreamAccessLogsMessage_IdentifierSchema, { logName: FLOW_LOG, node: this.#node() });
    carrier.isIdentified = true;
    this.#unsaid = 0;
    return message;
  }

  /** What of the node says whose flows these are. */
  #node(): Node {
    const { id, cluster, metadata } = this.#options.node;
    const own: JsonObject = {};
    for (const key of ['NAMESPACE', 'WORKLOAD_NAME', 'SERVICE_ACCOUNT', 'INSTANCE_IPS']) {
      const value = metadata[key];
      if (typeof value === 'string') own[key] = value;
    }
    if (this.#unsaid > 0) own['TULLE'] = { [LOST_FLOWS_KEY]: this.#unsaid };
    return create(NodeSchema, { id, cluster, metadata: own, userAgentName: 'tulle' });
  }

  #giveUpWhenIdle(): void {
    const { timers } = this.#options;
    timers.cancel(this.#idle);
    this.#idle = timers.after(IDLE_MS, () => this.#disconnect());
  }

  #disconnect(): void {
    const { timers } = this.#options;
    timers.cancel(this.#idle);
    timers.cancel(this.#renewal);
    this.#carrier = undefined;
    this.#channel?.close();
    this.#channel = undefined;
  }

  /** The stream takes no more: the server is to say that it has all of it. */
  #endCarrier(): void {
    this.#options.timers.cancel(this.#renewal);
    this.#carrier?.stream.end();
    this.#carrier = undefined;
  }

  /** Opens a stream, and sends what waits. */
  #open(): void {
    // where too many are unanswered, the next one is opened when one of them is over
    if (this.#isOpening || this.#unanswered.size >= MAX_UNANSWERED) return;
    this.#isOpening = true;
    const answered = this.#carry().finally(() => {
      this.#unanswered.delete(answered);
      this.#goOn();
    });
    this.#unanswered.add(answered);
  }

  async #carry(): Promise<void> {
    const { ads, log, timers, openMs = OPEN_MS } = this.#options;
    let carrier: Carrier | undefined;
    let channel: GrpcChannel | undefined;
    try {
      const { openChannel } = await import('../../net/grpc-client.ts');
      // the code has come too late: nobody would end this stream
      if (this.#isOver) return;
      channel = this.#channel ??= openChannel(ads.target, ads.options);
      carrier = { stream: channel.open(AccessLogService.method.streamAccessLogs), taken: [], isIdentified: false };
      this.#carrier = carrier;
      this.#isOpening = false;
      this.#renewal = timers.after(openMs, () => this.#endCarrier());
      this.#send();
      if (this.#isClosed) this.#endCarrier();
      for await (const _ of carrier.stream.responses);
      this.#failures = carrier.stream.waiting === 0 ? 0 : this.#failures + 1;
      this.#settle(carrier, true);
    } catch (error) {
      this.#failures++;
      log.debug('flow records cannot be sent', { error: messageOf(error) });
      if (carrier !== undefined) this.#settle(carrier, false);
      if (this.#channel === channel) this.#disconnect();
    } finally {
      this.#isOpening = false;
    }
  }

  /** A stream is over: what it had not sent waits again; what it had sent is lost where the server has not said that it has it. */
  #settle(carrier: Carrier, isTaken: boolean): void {
    if (this.#carrier === carrier) this.#endCarrier();
    const { taken, stream } = carrier;
    const unsent = taken.splice(taken.length - stream.waiting);
    if (!isTaken) {
      this.addLost(countOf(taken));
      this.#unsaid += unsaidOf(taken);
    }
    this.#takeBack(unsent);
  }

  /** After the end of a stream: what waits goes on, later where streams fail. */
  #goOn(): void {
    const { timers } = this.#options;
    if (this.#isClosed || this.#waiting === 0 || this.#carrier !== undefined) return;
    const waitMs = this.#failures === 0 ? 0 : Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** this.#failures);
    timers.cancel(this.#flush);
    this.#flush = timers.after(waitMs, () => {
      this.#flush = undefined;
      this.#send();
    });
  }
}
