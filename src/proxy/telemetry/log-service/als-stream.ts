/**
 * The way of entries to Envoy's access log service: a stream that stays open for more, as Envoy has it, but ends after some
 * seconds. The service says nothing of what it has received but in the status at a stream's end: that is the receipt for all
 * that was sent on it. Source: envoy.service.accesslog.v3.
 *
 * A stream for each message was 130 to 550 microseconds for a message of thirty entries.
 */
import { Buffer } from 'node:buffer';
import type { SideStream } from '../../router/side-request.ts';
import { openStream } from '../../tracing/collector-target.ts';
import { type Timers, timersOf, type WheelTimer } from '../../timers.ts';
import { ProtoWriter } from '../proto-writer.ts';
import type { AlsSettings } from './als.ts';
import type { LogScope } from './settings.ts';

const METHOD = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs';

/** Fields of StreamAccessLogsMessage: the entries of requests and of connections. */
const ENTRIES_FIELD = { http: 2, tcp: 3 } as const;
/** Before a message of gRPC: that it is not compressed, and its length. Source: gRPC, PROTOCOL-HTTP2.md. */
const PREFIX = Buffer.alloc(5);

/** Messages of one stream at most, for they wait in it where a service is slow. */
const MAX_MESSAGES = 32;
/** How long a stream stays open. */
const OPEN_MS = 5000;
/** Messages without a receipt above which there are to be no more: of the stream that is open, and of one that has ended. */
export const MAX_WITHOUT_RECEIPT = 2 * MAX_MESSAGES;

/** Whether the service has received a message. */
type OnReceipt = (isTaken: boolean) => void;

/** A stream that takes more messages. */
interface Open {
  readonly stream: SideStream;
  readonly messages: OnReceipt[];
  /** Ends it by itself. */
  readonly timer: WheelTimer;
}

const writer = new ProtoWriter();

/** Sends messages of entries, one stream after the other. */
export class AlsStream {
  readonly #settings: AlsSettings;
  readonly #scope: LogScope;
  readonly #timers: Timers;
  /** Field `identifier` of a stream's first message, with its tag. */
  readonly #identifier: Uint8Array;
  #open: Open | undefined = undefined;

  constructor(settings: AlsSettings, scope: LogScope, identifier: Uint8Array) {
    this.#settings = settings;
    this.#scope = scope;
    this.#timers = timersOf(scope.clock);
    this.#identifier = identifier;
  }

  /** Sends entries, each with its tag within HTTPAccessLogEntries or TCPAccessLogEntries; they are borrowed. */
  send(entries: Uint8Array, onReceipt: OnReceipt): void {
    writer.clear().raw(PREFIX);
    if (this.#open === undefined) writer.raw(this.#identifier);
    const message = writer.message(ENTRIES_FIELD[this.#settings.kind], entries).take();
    message.writeUInt32BE(message.length - PREFIX.length, 1);
    const { stream, messages } = (this.#open ??= this.#start());
    messages.push(onReceipt);
    stream.send(message);
    if (messages.length === MAX_MESSAGES) this.finish();
  }

  /** Nothing more is sent on the stream that is open. */
  finish(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    this.#timers.cancel(open.timer);
    open.stream.end();
  }

  #start(): Open {
    const messages: OnReceipt[] = [];
    const isOver = (isTaken: boolean): void => {
      if (this.#open === open) this.#open = undefined;
      // streams that a service refuses are not kept until it would have ended them
      this.#timers.cancel(open.timer);
      for (const onReceipt of messages) onReceipt(isTaken);
    };
    const stream = openStream(this.#settings.target, METHOD, this.#scope, isOver);
    const timer = this.#timers.after(OPEN_MS, () => this.finish());
    const open = { stream, messages, timer };
    return open;
  }
}
