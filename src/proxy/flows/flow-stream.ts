/**
 * The way of flow records to the server of ADS: a stream of its own, opened when there is something to send, given up
 * when there has been nothing for a while. What waits is bounded, what a stream that fails has not sent yet among it;
 * what does not fit is lost and counted, and the next message says how much that was.
 */
import { create, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import { FLOW_LOG, LOST_FLOWS_KEY } from '../../core/flow-log.ts';
import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { settlesWithin } from '../../core/settles-within.ts';
import type { GrpcStream } from '../../net/grpc-client.ts';
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

type Stream = Pick<GrpcStream<StreamAccessLogsMessage, unknown>, 'send' | 'waiting' | 'end' | 'abort'>;

export class FlowStream {
  readonly #options: FlowStreamOptions;
  #http: HTTPAccessLogEntry[] = [];
  #tcp: TCPAccessLogEntry[] = [];
  #stream: Stream | undefined;
  #ended: Promise<void> = Promise.resolve();
  #isOpening = false;
  #isClosed = false;
  #isIdentified = false;
  #failures = 0;
  #unsaid = 0;
  /** Of the messages that were given to the stream last, the newest last. */
  #taken: Taken[] = [];
  /** Entries that were counted as sent and came back: they are not counted again. */
  #countedAhead = 0;
  #flush: WheelTimer | undefined;
  #idle: WheelTimer | undefined;
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
    const { timers, log, goodbyeMs = REST_MS } = this.#options;
    this.#isClosed = true;
    timers.cancel(this.#flush);
    timers.cancel(this.#idle);
    if (this.#stream !== undefined) this.#send();
    else if (this.#waiting > 0 && !this.#isOpening) this.#ended = this.#open();
    this.#stream?.end();
    await settlesWithin(this.#ended, goodbyeMs);
    this.#stream?.abort();
    timers.cancel(this.#flush);
    const lost = this.#waiting;
    if (lost === 0) return;
    this.addLost(lost);
    log.warn('the control plane has not taken all flow records before the end', { lost });
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
    if (this.#waiting >= BATCH_ENTRIES && this.#stream !== undefined && this.#stream.waiting < MAX_MESSAGES) {
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
    const stream = this.#stream;
    if (stream === undefined) {
      if (!this.#isOpening && !this.#isClosed) this.#ended = this.#open();
      return;
    }
    if (stream.waiting >= MAX_MESSAGES) {
      this.#flushSoon();
      return;
    }
    const [http, tcp] = [this.#http, this.#tcp];
    this.#http = [];
    this.#tcp = [];
    this.#countSent(http.length + tcp.length);
    if (http.length > 0) this.#give(stream, { http, tcp: [], unsaid: this.#unsaid });
    if (tcp.length > 0) this.#give(stream, { http: [], tcp, unsaid: this.#unsaid });
    this.#taken = this.#taken.slice(-2 * MAX_MESSAGES);
    this.#giveUpWhenIdle();
  }

  #give(stream: Stream, taken: Taken): void {
    const { http, tcp } = taken;
    stream.send(
      this.#message(http.length > 0 ? { case: 'httpLogs', value: { logEntry: http } } : { case: 'tcpLogs', value: { logEntry: tcp } }),
    );
    this.#taken.push(taken);
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
    this.#unsaid += unsent.reduce((sum, { unsaid }) => sum + unsaid, 0);
    for (const { http, tcp } of unsent.toReversed()) {
      const room = MAX_ENTRIES - this.#waiting;
      // one message has entries of one kind
      this.#http.unshift(...http.slice(0, room));
      this.#tcp.unshift(...tcp.slice(0, room));
      this.addLost(Math.max(0, http.length + tcp.length - room));
    }
  }

  #message(logEntries: Exclude<MessageInitShape<typeof StreamAccessLogsMessageSchema>['logEntries'], undefined>): StreamAccessLogsMessage {
    const says = !this.#isIdentified || this.#unsaid > 0;
    const message = create(StreamAccessLogsMessageSchema, { logEntries });
    if (says) message.identifier = create(StreamAccessLogsMessage_IdentifierSchema, { logName: FLOW_LOG, node: this.#node() });
    this.#isIdentified = true;
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
    this.#idle = timers.after(IDLE_MS, () => this.#stream?.end());
  }

  async #open(): Promise<void> {
    const { ads, log, timers } = this.#options;
    this.#isOpening = true;
    let stream: Stream | undefined;
    try {
      const { openStream } = await import('../../net/grpc-client.ts');
      if (this.#isClosed && this.#waiting === 0) return;
      const opened = openStream(ads.target, AccessLogService.method.streamAccessLogs, ads.options);
      stream = opened;
      this.#stream = opened;
      this.#isIdentified = false;
      this.#isOpening = false;
      this.#send();
      if (this.#isClosed) opened.end();
      for await (const _ of opened.responses);
      // it ended in order: it had nothing to do
      this.#failures = 0;
    } catch (error) {
      this.#failures++;
      log.debug('flow records cannot be sent', { error: messageOf(error) });
    }
    if (stream !== undefined && stream.waiting > 0) this.#takeBack(this.#taken.slice(-stream.waiting));
    this.#taken = [];
    stream?.abort();
    this.#stream = undefined;
    this.#isOpening = false;
    if (this.#isClosed || this.#waiting === 0) return;
    const waitMs = this.#failures === 0 ? 0 : Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** this.#failures);
    timers.cancel(this.#flush);
    this.#flush = timers.after(waitMs, () => {
      this.#flush = undefined;
      this.#send();
    });
  }
}
