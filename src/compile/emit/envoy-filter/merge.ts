/**
 * Merging of messages as Istio does it, which is protobuf's way: what the source says replaces, messages are merged
 * field by field, lists are joined, entries of maps replaced. Two things follow that surprise: a wrapper (`UInt32Value`)
 * of 0 or false does not replace another value, and an Any takes the source's type and bytes, as one that is merged by
 * its own type is no Any here. Durations are replaced, which is Istio's own exception.
 */
import { clone, type DescField, type DescMessage, isFieldSet, isMessage, type Message } from '@bufbuild/protobuf';
import { isObject } from '../../../core/object.ts';
import type { PatchOperation } from '../../../model/envoy-filter.ts';
import { isUnwrapped } from '../../../xds/codec/plan.ts';

/** What becomes of a list that both have. */
export type Lists = 'append' | 'replace';

/** What either form of MERGE makes of lists. */
export function listsOf(operation: PatchOperation): Lists {
  return operation === 'MERGE' ? 'append' : 'replace';
}

const REPLACED: ReadonlySet<string> = new Set(['google.protobuf.Duration']);

/** The value of a field that is set; a member of a oneof stands under the oneof's name. */
function read(message: Message, field: DescField): unknown {
  if (field.oneof === undefined) return Reflect.get(message, field.localName);
  const group: unknown = Reflect.get(message, field.oneof.localName);
  return isObject(group) && group['case'] === field.localName ? group['value'] : undefined;
}

function write(message: Message, field: DescField, value: unknown): void {
  if (field.oneof === undefined) Reflect.set(message, field.localName, value);
  else Reflect.set(message, field.oneof.localName, { case: field.localName, value });
}

function copy(desc: DescMessage | undefined, value: unknown): unknown {
  return desc !== undefined && isMessage(value) ? clone(desc, value) : structuredClone(value);
}

function mergeList(target: Message, field: DescField & { readonly fieldKind: 'list' }, added: unknown, lists: Lists): void {
  const former = read(target, field);
  const items = Array.isArray(added) ? added.map((item: unknown) => copy(field.message, item)) : [];
  write(target, field, lists === 'append' && Array.isArray(former) ? [...former, ...items] : items);
}

function mergeMap(target: Message, field: DescField & { readonly fieldKind: 'map' }, added: unknown): void {
  const former = read(target, field);
  const entries = isObject(added) ? Object.entries(added).map(([key, item]) => [key, copy(field.message, item)]) : [];
  write(target, field, { ...(isObject(former) ? former : {}), ...Object.fromEntries(entries) });
}

/** A wrapper stands as its value alone: the zero of one says nothing where there is a value already. */
function mergeWrapper(target: Message, field: DescField, value: unknown): void {
  const isZero = value === 0 || value === 0n || value === false || value === '' || (value instanceof Uint8Array && value.length === 0);
  if (!isZero || read(target, field) === undefined) write(target, field, value);
}

function mergeMessage(target: Message, field: DescField & { readonly message: DescMessage }, value: unknown, lists: Lists): void {
  const desc = field.message;
  if (isUnwrapped(field, desc)) return mergeWrapper(target, field, value);
  const former = read(target, field);
  if (!isMessage(value)) {
    // a Struct is JSON: a map, whose entries are replaced
    const copied: unknown = structuredClone(value);
    return write(target, field, isObject(former) && isObject(copied) ? { ...former, ...copied } : copied);
  }
  if (!isMessage(former) || REPLACED.has(desc.typeName)) return write(target, field, clone(desc, value));
  mergeInto(desc, former, value, lists);
}

/** Merges `source` into `target`, both messages of `desc`. */
export function mergeInto(desc: DescMessage, target: Message, source: Message, lists: Lists): void {
  for (const field of desc.fields) {
    if (!isFieldSet(source, field)) continue;
    const value = read(source, field);
    if (field.fieldKind === 'list') mergeList(target, field, value, lists);
    else if (field.fieldKind === 'map') mergeMap(target, field, value);
    else if (field.fieldKind === 'message') mergeMessage(target, field, value, lists);
    else write(target, field, value);
  }
}
