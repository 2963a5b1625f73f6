/** What is known of a message type when one of its messages is read: made at first use, for the fields that are used. */
import { type DescField, type DescMessage, type DescOneof, type Message, ScalarType } from '@bufbuild/protobuf';

/** FeatureSet.FieldPresence: a field that was not set has its type's zero. */
const IMPLICIT = 2;

/** A message whose properties are named by descriptors. */
export interface AnyMessage extends Message {
  [property: string]: unknown;
}

/** What an empty message has. */
interface Blank {
  /** The message but for its lists, maps and oneofs, of which each message has its own. */
  readonly template: AnyMessage;
  readonly own: readonly (readonly [property: string, make: () => unknown])[];
}

const blanks = new WeakMap<DescMessage, Blank>();

const BIG: ReadonlySet<number> = new Set([ScalarType.INT64, ScalarType.UINT64, ScalarType.SINT64, ScalarType.FIXED64, ScalarType.SFIXED64]);

/** The zero of a scalar type other than bytes. */
function zeroOf(scalar: ScalarType): unknown {
  if (scalar === ScalarType.STRING) return '';
  if (scalar === ScalarType.BOOL) return false;
  return BIG.has(scalar) ? 0n : 0;
}

/** What makes the value of a member that each message has its own of; undefined for others. */
function makerOf(member: DescField | DescOneof): (() => unknown) | undefined {
  if (member.kind === 'oneof') return () => ({ case: undefined });
  if (member.fieldKind === 'list') return () => [];
  if (member.fieldKind === 'map') return () => ({});
  const isBytes = member.presence === IMPLICIT && member.fieldKind === 'scalar' && member.scalar === ScalarType.BYTES;
  return isBytes ? () => new Uint8Array(0) : undefined;
}

function blankOf(desc: DescMessage): Blank {
  const template: AnyMessage = { $typeName: desc.typeName };
  const own: [string, () => unknown][] = [];
  for (const member of desc.members) {
    const make = makerOf(member);
    if (make !== undefined) {
      own.push([member.localName, make]);
      // its place, so that the messages of a type have one shape
      template[member.localName] = undefined;
    } else if (member.kind === 'field' && member.presence === IMPLICIT) {
      template[member.localName] = member.fieldKind === 'scalar' ? zeroOf(member.scalar) : 0;
    }
  }
  return { template, own };
}

/** An empty message, equal to what `create` gives, without looking at the types of its fields. */
export function emptyMessage(desc: DescMessage): AnyMessage {
  let blank = blanks.get(desc);
  if (blank === undefined) blanks.set(desc, (blank = blankOf(desc)));
  const message: AnyMessage = { ...blank.template };
  for (const [property, make] of blank.own) message[property] = make();
  return message;
}

const WRAPPERS: ReadonlySet<string> = new Set(
  ['Double', 'Float', 'Int64', 'UInt64', 'Int32', 'UInt32', 'Bool', 'String', 'Bytes'].map((type) => `google.protobuf.${type}Value`),
);

/** Whether a message stands as its value alone in the message around it, not as an object: `UInt32Value` and its like. */
export function isUnwrapped(field: DescField, desc: DescMessage): boolean {
  return field.fieldKind === 'message' && field.oneof === undefined && WRAPPERS.has(desc.typeName);
}
