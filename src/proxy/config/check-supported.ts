/** Refuses configuration that Tulle would not obey, by reflection over decoded messages; `supported.ts` is the table. */
import { type DescField, type DescMessage, isFieldSet, type Message } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import { nameOfUnknown, supportedFields } from './supported.ts';

/** A field that has to be looked at where it is set. */
interface Watched {
  readonly field: DescField;
  /** What its messages are; undefined: the field is refused. */
  readonly desc: DescMessage | undefined;
  /** Its place among them: those that are refused come first. */
  readonly order: number;
}

/** What to look at in messages of one type. */
interface Check {
  readonly isSupported: boolean;
  /** By the property that they stand under: a few of a type's many fields are set. */
  readonly watched: ReadonlyMap<string, readonly Watched[]>;
}

const checks = new WeakMap<DescMessage, Check>();

function messageOfField(field: DescField): DescMessage | undefined {
  if (field.fieldKind === 'message') return field.message;
  return field.fieldKind === 'list' || field.fieldKind === 'map' ? field.message : undefined;
}

function prepare(desc: DescMessage): Check {
  const names = supportedFields(desc.typeName);
  const watched = new Map<string, Watched[]>();
  desc.fields.forEach((field, index) => {
    const isSupported = names?.has(field.name) === true;
    const message = isSupported ? messageOfField(field) : undefined;
    // what an Any holds is checked by who decodes it
    if (isSupported && (message === undefined || message.typeName.startsWith('google.protobuf.'))) return;
    const property = field.oneof?.localName ?? field.localName;
    const order = isSupported ? desc.fields.length + index : index;
    watched.set(property, [...(watched.get(property) ?? []), { field, desc: message, order }]);
  });
  return { isSupported: names !== undefined, watched };
}

function watchedFieldsOf(message: Message, { watched }: Check): Watched[] {
  const found: Watched[] = [];
  for (const property of Object.keys(message)) {
    const value: unknown = Reflect.get(message, property);
    // quickly past what is not set; the rest is looked up
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    for (const one of watched.get(property) ?? []) if (isFieldSet(message, one.field)) found.push(one);
  }
  return found.length > 1 ? found.sort((a, b) => a.order - b.order) : found;
}

function isMessage(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && '$typeName' in value;
}

/** The value of a set field: a member of a oneof stands under the oneof's name. */
function valueOf(message: Message, field: DescField): unknown {
  if (field.oneof === undefined) return Reflect.get(message, field.localName);
  const group: unknown = Reflect.get(message, field.oneof.localName);
  return typeof group === 'object' && group !== null && 'value' in group ? group.value : undefined;
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function checkValue(desc: DescMessage, value: unknown, path: string): void {
  if (isMessage(value)) checkSupported(desc, value, path);
}

function checkField(field: DescField, desc: DescMessage, value: unknown, path: string): void {
  if (field.fieldKind === 'list' && Array.isArray(value)) {
    value.forEach((item, i) => checkValue(desc, item, `${path}[${i}]`));
  } else if (field.fieldKind === 'map' && typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) checkValue(desc, item, `${path}[${key}]`);
  } else {
    checkValue(desc, value, path);
  }
}

/**
 * Throws ConfigError naming the first field of `message`, or of a message in it, that is set and that Tulle does not
 * obey. Fields that our generated types do not know are refused by their number.
 */
export function checkSupported(desc: DescMessage, message: Message, path: string): void {
  let check = checks.get(desc);
  if (check === undefined) checks.set(desc, (check = prepare(desc)));
  if (!check.isSupported) throw new ConfigError(path, `${desc.typeName} is not supported by Tulle`);
  const [unknown] = message.$unknown ?? [];
  if (unknown !== undefined) {
    const name = nameOfUnknown(desc.typeName, unknown.no);
    if (name !== undefined) throw new ConfigError(join(path, name), 'field is not supported by Tulle');
    throw new ConfigError(path, `field number ${unknown.no} of ${desc.typeName} is not supported by Tulle`);
  }
  for (const { field, desc: inner } of watchedFieldsOf(message, check)) {
    if (inner === undefined) throw new ConfigError(join(path, field.name), 'field is not supported by Tulle');
    checkField(field, inner, valueOf(message, field), join(path, field.name));
  }
}
