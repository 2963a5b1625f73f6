/** Times and attributes as OTLP has them. */
import { create } from '@bufbuild/protobuf';
import { type KeyValue, KeyValueSchema } from '../../xds/gen/opentelemetry/proto/common/v1/common_pb.ts';

/** Nanoseconds since 1970. */
export function nanosOf(ms: number): bigint {
  const whole = Math.floor(ms);
  return BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1_000_000));
}

/** An attribute with text. */
export function attribute(key: string, text: string): KeyValue {
  return create(KeyValueSchema, { key, value: { value: { case: 'stringValue', value: text } } });
}
