/** Reads an io.prometheus.client.MetricFamily with one metric, by protobuf-es' reader: not by what writes it. */
import { BinaryReader } from '@bufbuild/protobuf/wire';

interface ReadFamily {
  name: string;
  type: number;
  labels: Record<string, string>;
  timestampMs: number;
  counter?: number;
  gauge?: number;
  summary?: { readonly count: number; readonly sum: number; readonly quantiles: readonly (readonly [number, number])[] };
  histogram?: { readonly count: number; readonly sum: number; readonly buckets: readonly (readonly [number, number])[] };
}

type Fields = ReadonlyMap<number, readonly Value[]>;

interface Value {
  readonly number: number;
  readonly bytes: Uint8Array;
}

function fieldsOf(bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes);
  const fields = new Map<number, Value[]>();
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const value =
      type === 0
        ? { number: Number(reader.uint64()), bytes: new Uint8Array() }
        : type === 1
          ? { number: reader.double(), bytes: new Uint8Array() }
          : { number: 0, bytes: reader.bytes() };
    fields.set(field, [...(fields.get(field) ?? []), value]);
  }
  return fields;
}

function text(fields: Fields, field: number): string {
  return Buffer.from(fields.get(field)?.[0]?.bytes ?? []).toString();
}

function number(fields: Fields, field: number): number {
  return fields.get(field)?.[0]?.number ?? 0;
}

function pairs(fields: Fields): (readonly [number, number])[] {
  return (fields.get(3) ?? []).map(({ bytes }) => {
    const pair = fieldsOf(bytes);
    return [number(pair, 2), number(pair, 1)] as const;
  });
}

export function readFamily(bytes: Uint8Array): ReadFamily {
  const family = fieldsOf(bytes);
  const metric = fieldsOf(family.get(4)?.[0]?.bytes ?? new Uint8Array());
  const part = (field: number): Fields | undefined => {
    const value = metric.get(field)?.[0];
    return value && fieldsOf(value.bytes);
  };
  const labels = (metric.get(1) ?? []).map((value) => {
    const pair = fieldsOf(value.bytes);
    return [text(pair, 1), text(pair, 2)] as const;
  });
  const [counter, gauge, summary, histogram] = [part(3), part(2), part(4), part(7)];
  return {
    name: text(family, 1),
    type: number(family, 3),
    labels: Object.fromEntries(labels),
    timestampMs: number(metric, 6),
    ...(counter && { counter: number(counter, 1) }),
    ...(gauge && { gauge: number(gauge, 1) }),
    ...(summary && {
      summary: { count: number(summary, 1), sum: number(summary, 2), quantiles: pairs(summary).map(([value, q]) => [q, value] as const) },
    }),
    ...(histogram && { histogram: { count: number(histogram, 1), sum: number(histogram, 2), buckets: pairs(histogram) } }),
  };
}
