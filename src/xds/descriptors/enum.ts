import type { DescEnum, DescEnumValue, DescFile, DescMessage } from '@bufbuild/protobuf';
import { localName } from './names.ts';
import { noProto } from './no-proto.ts';
import type { Span } from './wire.ts';
import { WireReader } from './wire.ts';

// EnumDescriptorProto and EnumValueDescriptorProto, google/protobuf/descriptor.proto
const NAME = 1;
const VALUE = 2;
const VALUE_NAME = 1;
const VALUE_NUMBER = 2;

/** What an enumeration is read from, once. */
export interface EnumSource {
  readonly bytes: Buffer;
  readonly span: Span;
  /** Its package or message, with a dot behind it. */
  readonly scope: string;
}

/** A file or a message, as what enumerations are in. */
export interface EnumHolder {
  enumSource(index: number): EnumSource;
}

interface EnumParts {
  readonly name: string;
  readonly typeName: string;
  readonly values: DescEnumValue[];
  readonly value: Record<number, DescEnumValue>;
  readonly sharedPrefix: string | undefined;
}

/** `my_enum_` of `enum MyEnum { MY_ENUM_A = 0; }`, where all values have it and leave a name behind it. */
function sharedPrefixOf(name: string, values: readonly { readonly name: string }[]): string | undefined {
  const prefix = `${(name.slice(0, 1) + name.slice(1).replace(/[A-Z]/g, (c) => `_${c}`)).toLowerCase()}_`;
  const isShared = values.every((value) => value.name.toLowerCase().startsWith(prefix) && /^\D/.test(value.name.slice(prefix.length)));
  return isShared ? prefix : undefined;
}

class LazyEnumValue implements DescEnumValue {
  readonly kind = 'enum_value';
  readonly deprecated = false;
  readonly parent: DescEnum;
  readonly name: string;
  readonly localName: string;
  readonly number: number;

  constructor(parent: DescEnum, name: string, number: number, prefix: string | undefined) {
    this.parent = parent;
    this.name = name;
    this.localName = localName(name.slice(prefix?.length ?? 0));
    this.number = number;
  }

  get jsonName(): string {
    return this.name;
  }

  get proto(): never {
    return noProto(this);
  }

  toString(): string {
    return `enum value ${this.parent.typeName}.${this.name}`;
  }
}

/** An enumeration, read at its first use. */
export class LazyEnum implements DescEnum {
  readonly kind = 'enum';
  /** Enumerations of proto3 take numbers that they do not name. */
  readonly open = true;
  readonly deprecated = false;
  readonly file: DescFile;
  readonly parent: DescMessage | undefined;
  readonly #holder: EnumHolder;
  readonly #index: number;
  #parts: EnumParts | undefined;

  /** The enumeration number `index` of a file, or of `parent` where one is given. */
  constructor(file: DescFile & EnumHolder, parent: (DescMessage & EnumHolder) | undefined, index: number) {
    this.file = file;
    this.parent = parent;
    this.#holder = parent ?? file;
    this.#index = index;
  }

  get name(): string {
    return this.#read().name;
  }

  get typeName(): string {
    return this.#read().typeName;
  }

  get values(): DescEnumValue[] {
    return this.#read().values;
  }

  get value(): Record<number, DescEnumValue> {
    return this.#read().value;
  }

  get sharedPrefix(): string | undefined {
    return this.#read().sharedPrefix;
  }

  get proto(): never {
    return noProto(this);
  }

  toString(): string {
    return `enum ${this.typeName}`;
  }

  #read(): EnumParts {
    return (this.#parts ??= this.#parse());
  }

  #parse(): EnumParts {
    const { bytes, span, scope } = this.#holder.enumSource(this.#index);
    const reader = new WireReader(bytes, span);
    const rows: { name: string; number: number }[] = [];
    let name = '';
    while (reader.next()) {
      if (reader.field === NAME) name = reader.name();
      else if (reader.field === VALUE) rows.push(parseValue(bytes, reader.span()));
      else reader.skip();
    }
    const sharedPrefix = sharedPrefixOf(name, rows);
    const values = rows.map((row) => new LazyEnumValue(this, row.name, row.number, sharedPrefix));
    // of names of one number the first is its name
    const value = Object.fromEntries(values.toReversed().map((one) => [one.number, one]));
    return { name, typeName: scope + name, values, value, sharedPrefix };
  }
}

function parseValue(bytes: Buffer, span: Span): { name: string; number: number } {
  const reader = new WireReader(bytes, span);
  const value = { name: '', number: 0 };
  while (reader.next()) {
    if (reader.field === VALUE_NAME) value.name = reader.name();
    else if (reader.field === VALUE_NUMBER) value.number = reader.int();
    else reader.skip();
  }
  return value;
}
