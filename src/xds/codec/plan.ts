/** What is known of a message type when one of its messages is read: made at first use, for the fields that are used. */
import { type DescField, type DescMessage, type Message, ScalarType } from '@bufbuild/protobuf';

/** FeatureSet.FieldPresence: a field that was not set has its type's zero. */
const IMPLICIT = 2;

/** A message whose properties are named by descriptors. */
export interface AnyMessage extends Message {
  [property: string]: unknown;
}

/** The properties that an empty message has, each with what makes its value. */
type Blank = readonly (readonly [property: string, make: () => unknown])[];

const blanks = new WeakMap<DescMessage, Blank>();

const BIG: ReadonlySet<number> = new Set([ScalarType.INT64, ScalarType.UINT64, ScalarType.SINT64, ScalarType.FIXED64, ScalarType.SFIXED64]);

/** The zero of a scalar type. */
function zeroOf(scalar: ScalarType): unknown {
  if (scalar === ScalarType.STRING) return '';
  if (scalar === ScalarType.BOOL) return false;
  if (scalar === ScalarType.BYTES) return new Uint8Array(0);
  return BIG.has(scalar) ? 0n : 0;
}

function makerOf(field: DescField): (() => unknown) | undefined {
  if (field.fieldKind === 'list') return () => [];
  if (field.fieldKind === 'map') return () => ({});
  if (field.presence !== IMPLICIT) return undefined;
  if (field.fieldKind !== 'scalar') return () => 0;
  const { scalar } = field;
  return () => zeroOf(scalar);
}

function blankOf(desc: DescMessage): Blank {
  const blank: [string, () => unknown][] = [];
  for (const member of desc.members) {
    const make = member.kind === 'oneof' ? () => ({ case: undefined }) : makerOf(member);
    if (make !== undefined) blank.push([member.localName, make]);
  }
  return blank;
}

/** An empty message, equal to what `create` gives, without looking at the types of its fields. */
export function emptyMessage(desc: DescMessage): AnyMessage {
  let blank = blanks.get(desc);
  if (blank === undefined) blanks.set(desc, (blank = blankOf(desc)));
  const message: AnyMessage = { $typeName: desc.typeName };
  for (const [property, make] of blank) message[property] = make();
  return message;
}

const WRAPPERS: ReadonlySet<string> = new Set(
  ['Double', 'Float', 'Int64', 'UInt64', 'Int32', 'UInt32', 'Bool', 'String', 'Bytes'].map((type) => `google.protobuf.${type}Value`),
);

/** Whether a message stands as its value alone in the message around it, not as an object: `UInt32Value` and its like. */
export function isUnwrapped(field: DescField, desc: DescMessage): boolean {
  return field.fieldKind === 'message' && field.oneof === undefined && WRAPPERS.has(desc.typeName);
}
