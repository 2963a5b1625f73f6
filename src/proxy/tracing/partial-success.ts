/**
 * What a collector of OTLP that took a request says it has refused of it: `partial_success` of the responses of traces,
 * logs and metrics, whose fields are alike. Source: opentelemetry.proto.collector.
 */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** `partial_success` of the response, and `rejected_…` in it. */
const PARTIAL_SUCCESS = 1;
const REJECTED = 1;

/** The field's bytes or number; undefined where there is none. */
function fieldOf<T>(bytes: Uint8Array, wanted: number, type: WireType, read: (reader: BinaryReader) => T): T | undefined {
  const reader = new BinaryReader(bytes);
  let found: T | undefined;
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === wanted && wireType === type) found = read(reader);
    else reader.skip(wireType, field);
  }
  return found;
}

/** Spans, records or points that were refused; 0 where the answer says nothing of it, or is something else. */
export function refusedCount(response: Uint8Array): number {
  try {
    const partial = fieldOf(response, PARTIAL_SUCCESS, WireType.LengthDelimited, (reader) => reader.bytes());
    const count = partial && fieldOf(partial, REJECTED, WireType.Varint, (reader) => Number(reader.int64()));
    return count === undefined || count < 0 ? 0 : count;
  } catch {
    return 0;
  }
}
