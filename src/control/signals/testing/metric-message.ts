/** Encodes messages of the metrics service as a proxy sends them. */

export interface SentSeries {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** A counter's value. */
  readonly value?: number;
  /** A histogram's observations up to each bound, and of all of them the count and the sum. */
  readonly histogram?: {
    readonly count: number;
    readonly sum: number;
    readonly buckets: readonly (readonly [bound: number, upTo: number])[];
  };
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 128);
  bytes.push(left);
  return Buffer.from(bytes);
}

function field(number: number, content: Buffer): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content]);
}

function double(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([varint(number * 8 + 1), bytes]);
}

function integer(number: number, value: number): Buffer {
  return Buffer.concat([varint(number * 8), varint(value)]);
}

function metricOf({ labels, value, histogram }: SentSeries): Buffer {
  const parts = Object.entries(labels).map(([name, text]) =>
    field(1, Buffer.concat([field(1, Buffer.from(name)), field(2, Buffer.from(text))])),
  );
  if (value !== undefined) parts.push(field(3, double(1, value)));
  parts.push(integer(6, 1_700_000_000_000));
  if (histogram !== undefined) {
    const buckets = histogram.buckets.map(([bound, upTo]) => field(3, Buffer.concat([integer(1, upTo), double(2, bound)])));
    parts.push(field(7, Buffer.concat([integer(1, histogram.count), double(2, histogram.sum), ...buckets])));
  }
  return Buffer.concat(parts);
}

/** A message with these series, and the encoded node before them where there is one. */
export function metricMessage(series: readonly SentSeries[], node?: Uint8Array): Buffer {
  const families = series.map((each) =>
    field(2, Buffer.concat([field(1, Buffer.from(each.name)), integer(3, each.value === undefined ? 4 : 0), field(4, metricOf(each))])),
  );
  const identifier = node === undefined ? [] : [field(1, field(1, Buffer.from(node)))];
  return Buffer.concat([...identifier, ...families]);
}
