import type { DescEnum, DescExtension, DescField, DescFile, DescMessage, DescOneof } from '@bufbuild/protobuf';
import { type EnumHolder, type EnumSource, LazyEnum } from './enum.ts';
import { type FieldRow, type FindType, newField, parseField } from './field.ts';
import { camelCase, localName } from './names.ts';
import { noProto } from './no-proto.ts';
import { type Span, WireReader } from './wire.ts';

// DescriptorProto, google/protobuf/descriptor.proto
const NAME = 1;
const FIELD = 2;
const NESTED_TYPE = 3;
const ENUM_TYPE = 4;
const OPTIONS = 7;
const ONEOF_DECL = 8;
// MessageOptions
const OPTION_DEPRECATED = 3;
const OPTION_MAP_ENTRY = 7;
// OneofDescriptorProto
const ONEOF_NAME = 1;
// the fields of a map's entry
const MAP_KEY = 1;
const MAP_VALUE = 2;

/** What a message is read from, once. */
export interface MessageSource {
  readonly bytes: Buffer;
  readonly span: Span;
  /** Its package or message, with a dot behind it. */
  readonly scope: string;
  readonly find: FindType;
}

/** A file or a message, as what messages and enumerations are in. */
export interface TypeHolder extends EnumHolder {
  messageSource(index: number): MessageSource;
}

interface Outline {
  readonly source: MessageSource;
  readonly name: string;
  readonly typeName: string;
  readonly isDeprecated: boolean;
  readonly isMapEntry: boolean;
  readonly fields: readonly Span[];
  readonly nested: readonly Span[];
  readonly enums: readonly Span[];
  readonly oneofs: readonly Span[];
}

interface Members {
  readonly fields: DescField[];
  readonly field: Record<string, DescField>;
  readonly oneofs: DescOneof[];
  readonly members: (DescField | DescOneof)[];
}

function parseOptions(bytes: Buffer, span: Span): { isDeprecated: boolean; isMapEntry: boolean } {
  const reader = new WireReader(bytes, span);
  const options = { isDeprecated: false, isMapEntry: false };
  while (reader.next()) {
    if (reader.field === OPTION_DEPRECATED) options.isDeprecated = reader.int() !== 0;
    else if (reader.field === OPTION_MAP_ENTRY) options.isMapEntry = reader.int() !== 0;
    else reader.skip();
  }
  return options;
}

/** Reads where the parts of a message stand, and none of them. */
function parseOutline(source: MessageSource): Outline {
  const { bytes, span, scope } = source;
  const reader = new WireReader(bytes, span);
  const fields: Span[] = [];
  const nested: Span[] = [];
  const enums: Span[] = [];
  const oneofs: Span[] = [];
  let name = '';
  let options = { isDeprecated: false, isMapEntry: false };
  while (reader.next()) {
    if (reader.field === NAME) name = reader.name();
    else if (reader.field === FIELD) fields.push(reader.span());
    else if (reader.field === NESTED_TYPE) nested.push(reader.span());
    else if (reader.field === ENUM_TYPE) enums.push(reader.span());
    else if (reader.field === ONEOF_DECL) oneofs.push(reader.span());
    else if (reader.field === OPTIONS) options = parseOptions(bytes, reader.span());
    else reader.skip();
  }
  return { source, name, typeName: scope + name, ...options, fields, nested, enums, oneofs };
}

class LazyOneof implements DescOneof {
  readonly kind = 'oneof';
  readonly deprecated = false;
  readonly parent: DescMessage;
  readonly name: string;
  readonly localName: string;
  readonly fields: DescField[] = [];

  constructor(parent: DescMessage, bytes: Buffer, span: Span) {
    const reader = new WireReader(bytes, span);
    let name = '';
    while (reader.next()) {
      if (reader.field === ONEOF_NAME) name = reader.name();
      else reader.skip();
    }
    this.parent = parent;
    this.name = name;
    this.localName = localName(camelCase(name));
  }

  get proto(): never {
    return noProto(this);
  }

  toString(): string {
    return `oneof ${this.parent.typeName}.${this.name}`;
  }
}

/** A message: its name and the places of its parts are read at its first use, its fields when one asks for them. */
export class LazyMessage implements DescMessage {
  readonly kind = 'message';
  readonly file: DescFile & TypeHolder;
  readonly parent: LazyMessage | undefined;
  readonly #holder: TypeHolder;
  readonly #index: number;
  #outline: Outline | undefined;
  #members: Members | undefined;
  /** Those that were asked for by number, before or after the message was read. */
  #nested: LazyMessage[] | undefined;
  #enums: LazyEnum[] | undefined;
  /** Messages in this one, with the entries of its maps apart. */
  #split: { readonly types: readonly Outline[]; readonly entries: readonly Outline[] } | undefined;

  /** What is known of it before it is read. */
  #typeName: string | undefined;

  /** The message number `index` of a file, or of `parent` where one is given. */
  constructor(file: DescFile & TypeHolder, parent: LazyMessage | undefined, index: number) {
    this.file = file;
    this.parent = parent;
    this.#holder = parent ?? file;
    this.#index = index;
  }

  /** No descriptor of ours extends another. */
  get nestedExtensions(): DescExtension[] {
    return [];
  }

  get name(): string {
    return this.#read().name;
  }

  /** Known without reading it where it was named. */
  get typeName(): string {
    return (this.#typeName ??= this.#read().typeName);
  }

  get deprecated(): boolean {
    return this.#read().isDeprecated;
  }

  get fields(): DescField[] {
    return this.#readMembers().fields;
  }

  get field(): Record<string, DescField> {
    return this.#readMembers().field;
  }

  get oneofs(): DescOneof[] {
    return this.#readMembers().oneofs;
  }

  get members(): (DescField | DescOneof)[] {
    return this.#readMembers().members;
  }

  get nestedMessages(): DescMessage[] {
    return this.#splitNested().types.map((_, i) => this.nestedMessage(i));
  }

  get nestedEnums(): DescEnum[] {
    return this.#read().enums.map((_, i) => this.nestedEnum(i));
  }

  get proto(): never {
    return noProto(this);
  }

  /** Says what its type is called, for tables of types that are never used. */
  named(typeName: string): this {
    this.#typeName = typeName;
    return this;
  }

  /** The message number `index` within this one; entries of maps do not count. */
  nestedMessage(index: number): LazyMessage {
    this.#nested ??= [];
    return (this.#nested[index] ??= new LazyMessage(this.file, this, index));
  }

  /** The enumeration number `index` within this message. */
  nestedEnum(index: number): LazyEnum {
    this.#enums ??= [];
    return (this.#enums[index] ??= new LazyEnum(this.file, this, index));
  }

  messageSource(index: number): MessageSource {
    const outline = this.#splitNested().types[index];
    if (outline === undefined) throw new Error(`${this.typeName} has no message number ${index}`);
    return outline.source;
  }

  enumSource(index: number): EnumSource {
    const { enums, source, typeName } = this.#read();
    const span = enums[index];
    if (span === undefined) throw new Error(`${typeName} has no enumeration number ${index}`);
    return { bytes: source.bytes, span, scope: `${typeName}.` };
  }

  toString(): string {
    return `message ${this.typeName}`;
  }

  #read(): Outline {
    return (this.#outline ??= parseOutline(this.#holder.messageSource(this.#index)));
  }

  #splitNested(): { readonly types: readonly Outline[]; readonly entries: readonly Outline[] } {
    if (this.#split !== undefined) return this.#split;
    const { nested, source, typeName } = this.#read();
    const outlines = nested.map((span) => parseOutline({ ...source, span, scope: `${typeName}.` }));
    return (this.#split = {
      types: outlines.filter(({ isMapEntry }) => !isMapEntry),
      entries: outlines.filter(({ isMapEntry }) => isMapEntry),
    });
  }

  #readMembers(): Members {
    return (this.#members ??= this.#parseMembers());
  }

  #parseMembers(): Members {
    const { source, fields: spans, oneofs: oneofSpans } = this.#read();
    const groups = oneofSpans.map((span) => new LazyOneof(this, source.bytes, span));
    const parsed: Members = { fields: [], field: {}, oneofs: [], members: [] };
    for (const span of spans) {
      const row = parseField(source.bytes, span);
      const oneof = row.oneofIndex === undefined ? undefined : groups[row.oneofIndex];
      const field = newField(row, this, oneof, source.find, (typeName) => this.#entry(typeName));
      parsed.fields.push(field);
      parsed.field[field.localName] = field;
      if (oneof === undefined || oneof.fields.length === 0) parsed.members.push(oneof ?? field);
      oneof?.fields.push(field);
    }
    parsed.oneofs.push(...groups.filter(({ fields }) => fields.length > 0));
    return parsed;
  }

  #entry(typeName: string): { key: FieldRow; value: FieldRow } | undefined {
    const entry = this.#splitNested().entries.find((outline) => outline.typeName === typeName);
    if (entry === undefined) return undefined;
    const rows = entry.fields.map((span) => parseField(entry.source.bytes, span));
    const key = rows.find(({ number }) => number === MAP_KEY);
    const value = rows.find(({ number }) => number === MAP_VALUE);
    if (key === undefined || value === undefined) throw new Error(`${typeName} is no map's entry`);
    return { key, value };
  }
}
