/**
 * Reads `envoy.service.metrics.v3.StreamMetricsMessage` from its bytes. A proxy says the same labels again and again,
 * twenty of them a series: they are handed on as the text of their bytes, which tells a known series at once, and are
 * read for a new one only. Source: envoy/service/metrics/v3/metrics_service.proto, io/prometheus/client/metrics.proto.
 */
import { ProtocolError } from '../../core/errors.ts';

/** Whoever is told what a message has. */
export interface MetricVisitor {
  /** The sender's Node, encoded; in the first message of a stream. */
  node(bytes: Uint8Array): void;
  counter(series: SeriesText, value: number): void;
  /** `cumulative` are the observations up to each of `bounds`. */
  histogram(series: SeriesText, count: number, sum: number, bounds: readonly number[], cumulative: readonly number[]): void;
}

/** A series: its metric's name and the bytes of its labels, one character each. */
export interface SeriesText {
  readonly name: string;
  readonly labels: string;
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** A message's fields, one after the other. */
class Fields {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;
  /** Of the field that `next` has found. */
  number = 0;
  #type = 0;
  /** Where it begins, with its tag, and where its value ends. */
  start = 0;

  constructor(bytes: Buffer, at: number, end: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  next(): boolean {
    if (this.#at >= this.#end) return false;
    this.start = this.#at;
    const tag = this.#varint();
    this.number = Math.floor(tag / 8);
    this.#type = tag % 8;
    return true;
  }

  /** The end of what was read. */
  get end(): number {
    return this.#at;
  }

  double(): number {
    if (this.#type !== FIXED64) throw broken('a double is expected');
    const at = this.#at;
    this.#skipTo(at + 8);
    return this.#bytes.readDoubleLE(at);
  }

  integer(): number {
    if (this.#type !== VARINT) throw broken('an integer is expected');
    return this.#varint();
  }

  /** The span of a message, a text or bytes. */
  span(): Fields {
    if (this.#type !== BYTES) throw broken('a message or a text is expected');
    const length = this.#varint();
    const from = this.#at;
    this.#skipTo(from + length);
    return new Fields(this.#bytes, from, this.#at);
  }

  /** What is left of this span. */
  rest(): Buffer {
    return this.#bytes.subarray(this.#at, this.#end);
  }

  text(): string {
    return this.#bytes.toString('utf8', this.#at, this.#end);
  }

  /** The bytes between two places, one character each. */
  latin(from: number, to: number): string {
    return this.#bytes.toString('latin1', from, to);
  }

  skip(): void {
    if (this.#type === VARINT) this.#varint();
    else if (this.#type === FIXED64) this.#skipTo(this.#at + 8);
    else if (this.#type === FIXED32) this.#skipTo(this.#at + 4);
    else if (this.#type === BYTES) this.span();
    else throw broken(`wire type ${this.#type}`);
  }

  #skipTo(at: number): void {
    if (at > this.#end) throw broken('it is cut off');
    this.#at = at;
  }

  #varint(): number {
    let value = 0;
    for (let factor = 1; factor < 2 ** 70; factor *= 128) {
      if (this.#at >= this.#end) throw broken('it is cut off');
      const byte = this.#bytes[this.#at++] ?? 0;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw broken('a number has more than ten bytes');
  }
}

function broken(what: string): ProtocolError {
  return new ProtocolError('bad_metrics', 400, `not a StreamMetricsMessage: ${what}`);
}

function readIdentifier(fields: Fields, visitor: MetricVisitor): void {
  while (fields.next()) {
    if (fields.number === 1) visitor.node(fields.span().rest());
    else fields.skip();
  }
}

/** The value of a Counter, Gauge or Untyped. */
function readValue(fields: Fields): number {
  let value = 0;
  while (fields.next()) {
    if (fields.number === 1) value = fields.double();
    else fields.skip();
  }
  return value;
}

function readBucket(fields: Fields, bounds: number[], cumulative: number[]): void {
  let [count, bound] = [0, 0];
  while (fields.next()) {
    if (fields.number === 1) count = fields.integer();
    else if (fields.number === 2) bound = fields.double();
    else fields.skip();
  }
  bounds.push(bound);
  cumulative.push(count);
}

function readHistogram(fields: Fields, series: SeriesText, visitor: MetricVisitor): void {
  let [count, sum] = [0, 0];
  const bounds: number[] = [];
  const cumulative: number[] = [];
  while (fields.next()) {
    if (fields.number === 1) count = fields.integer();
    else if (fields.number === 2) sum = fields.double();
    else if (fields.number === 3) readBucket(fields.span(), bounds, cumulative);
    else fields.skip();
  }
  visitor.histogram(series, count, sum, bounds, cumulative);
}

function readMetric(fields: Fields, name: string, visitor: MetricVisitor): void {
  let labels = '';
  // labels stand one after the other, so that all of them are one piece of text
  let [from, to] = [-1, -1];
  const values: (readonly [number, Fields])[] = [];
  while (fields.next()) {
    const { number, start } = fields;
    if (number === 1) {
      if (start !== to) {
        if (from !== -1) labels += fields.latin(from, to);
        from = start;
      }
      fields.skip();
      to = fields.end;
    } else if (number === 3 || number === 7) values.push([number, fields.span()]);
    else fields.skip();
  }
  if (from !== -1) labels += fields.latin(from, to);
  const series = { name, labels };
  for (const [number, value] of values) {
    if (number === 3) visitor.counter(series, readValue(value));
    else readHistogram(value, series, visitor);
  }
}

function readFamily(fields: Fields, visitor: MetricVisitor): void {
  let name = '';
  while (fields.next()) {
    if (fields.number === 1) name = fields.span().text();
    else if (fields.number === 4) readMetric(fields.span(), name, visitor);
    else fields.skip();
  }
}

/** Tells `visitor` of everything in a message. Throws ProtocolError for bytes that are none. */
export function readMetrics(message: Buffer, visitor: MetricVisitor): void {
  const fields = new Fields(message, 0, message.length);
  while (fields.next()) {
    if (fields.number === 1) readIdentifier(fields.span(), visitor);
    else if (fields.number === 2) readFamily(fields.span(), visitor);
    else fields.skip();
  }
}

/** The labels that a series' text says. */
export function readLabels({ labels }: SeriesText): ReadonlyMap<string, string> {
  const bytes = Buffer.from(labels, 'latin1');
  const fields = new Fields(bytes, 0, bytes.length);
  const read = new Map<string, string>();
  while (fields.next()) {
    const pair = fields.span();
    let [name, value] = ['', ''];
    while (pair.next()) {
      if (pair.number === 1) name = pair.span().text();
      else if (pair.number === 2) value = pair.span().text();
      else pair.skip();
    }
    read.set(name, value);
  }
  return read;
}
