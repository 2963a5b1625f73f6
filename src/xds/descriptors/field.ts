import type { DescEnum, DescField, DescMessage, DescOneof } from '@bufbuild/protobuf';
import { camelCase, localName } from './names.ts';
import { noProto } from './no-proto.ts';
import { type Span, WireReader } from './wire.ts';

// FieldDescriptorProto, google/protobuf/descriptor.proto
const NAME = 1;
const NUMBER = 3;
const LABEL = 4;
const TYPE = 5;
const TYPE_NAME = 6;
const OPTIONS = 8;
const ONEOF_INDEX = 9;
const JSON_NAME = 10;
const PROTO3_OPTIONAL = 17;
// FieldOptions
const OPTION_PACKED = 2;
const OPTION_DEPRECATED = 3;
// FieldDescriptorProto.Label and .Type. No value is imported from protobuf-es: its own types are made by this module
const LABEL_REPEATED = 3;
const TYPE_STRING = 9;
const TYPE_MESSAGE = 11;
const TYPE_BYTES = 12;
const TYPE_ENUM = 14;

/** FeatureSet.FieldPresence: whether a field that was not set can be told from one that has its type's zero. */
const EXPLICIT = 1;
const IMPLICIT = 2;

const UNPACKABLE: ReadonlySet<number> = new Set([TYPE_STRING, TYPE_BYTES, TYPE_MESSAGE]);

/** A field as its file says it. */
export interface FieldRow {
  readonly name: string;
  readonly jsonName: string;
  readonly number: number;
  readonly type: number;
  readonly typeName: string;
  readonly isRepeated: boolean;
  /** Of the oneof that it is part of; undefined for what is merely `optional`. */
  readonly oneofIndex: number | undefined;
  readonly isOptional: boolean;
  readonly isDeprecated: boolean;
  readonly isPacked: boolean;
}

function parseOptions(bytes: Buffer, span: Span): { isDeprecated: boolean; isPacked: boolean | undefined } {
  const reader = new WireReader(bytes, span);
  let isDeprecated = false;
  let isPacked: boolean | undefined;
  while (reader.next()) {
    if (reader.field === OPTION_DEPRECATED) isDeprecated = reader.int() !== 0;
    else if (reader.field === OPTION_PACKED) isPacked = reader.int() !== 0;
    else reader.skip();
  }
  return { isDeprecated, isPacked };
}

/** Reads a FieldDescriptorProto. */
export function parseField(bytes: Buffer, span: Span): FieldRow {
  const reader = new WireReader(bytes, span);
  let [name, jsonName, typeName] = ['', '', ''];
  let [number, label, type] = [0, 0, 0];
  let oneofIndex: number | undefined;
  let isOptional = false;
  let options: ReturnType<typeof parseOptions> | undefined;
  while (reader.next()) {
    if (reader.field === NAME) name = reader.name();
    else if (reader.field === NUMBER) number = reader.int();
    else if (reader.field === LABEL) label = reader.int();
    else if (reader.field === TYPE) type = reader.int();
    else if (reader.field === TYPE_NAME) typeName = reader.name();
    else if (reader.field === JSON_NAME) jsonName = reader.name();
    else if (reader.field === ONEOF_INDEX) oneofIndex = reader.int();
    else if (reader.field === PROTO3_OPTIONAL) isOptional = reader.int() !== 0;
    else if (reader.field === OPTIONS) options = parseOptions(bytes, reader.span());
    else reader.skip();
  }
  const isRepeated = label === LABEL_REPEATED;
  return {
    name,
    jsonName: jsonName === '' ? camelCase(name) : jsonName,
    number,
    type,
    typeName: typeName.slice(1),
    isRepeated,
    oneofIndex: isOptional ? undefined : oneofIndex,
    isOptional,
    isDeprecated: options?.isDeprecated ?? false,
    isPacked: isRepeated && !UNPACKABLE.has(type) && (options?.isPacked ?? true),
  };
}

/** Finds the type of a full name. */
export type FindType = (typeName: string) => DescMessage | DescEnum;
/** The key and value of a map's entries; undefined for a type that is no map's. */
export type FindEntry = (typeName: string) => { readonly key: FieldRow; readonly value: FieldRow } | undefined;

type Kind = DescField['fieldKind'];

function kindOf(type: number): 'message' | 'enum' | 'scalar' {
  return type === TYPE_MESSAGE ? 'message' : type === TYPE_ENUM ? 'enum' : 'scalar';
}

/** A field, whose type is looked for at its first use. */
class LazyField {
  readonly kind = 'field';
  readonly parent: DescMessage;
  readonly oneof: DescOneof | undefined;
  readonly name: string;
  readonly localName: string;
  readonly jsonName: string;
  readonly number: number;
  readonly deprecated: boolean;
  readonly presence: number;
  readonly utf8Validation = true;
  readonly fieldKind: Kind;
  readonly listKind: 'message' | 'enum' | 'scalar' | undefined;
  readonly mapKind: 'message' | 'enum' | 'scalar' | undefined;
  readonly mapKey: number | undefined;
  readonly scalar: number | undefined;
  readonly packed: boolean | undefined;
  readonly delimitedEncoding: boolean | undefined;
  readonly longAsString = false;
  readonly #find: FindType;
  readonly #typeName: string;
  #type: DescMessage | DescEnum | undefined;

  constructor(row: FieldRow, parent: DescMessage, oneof: DescOneof | undefined, find: FindType, entryOf: FindEntry) {
    const entry = row.isRepeated && row.type === TYPE_MESSAGE ? entryOf(row.typeName) : undefined;
    const { type, typeName } = entry?.value ?? row;
    const kind = kindOf(type);
    this.parent = parent;
    this.oneof = oneof;
    this.name = row.name;
    const camel = camelCase(row.name);
    this.localName = oneof === undefined ? localName(camel) : camel;
    this.jsonName = row.jsonName;
    this.number = row.number;
    this.deprecated = row.isDeprecated;
    this.fieldKind = entry !== undefined ? 'map' : row.isRepeated ? 'list' : kind;
    const isExplicit = oneof !== undefined || row.isOptional || this.fieldKind === 'message';
    this.presence = isExplicit ? EXPLICIT : IMPLICIT;
    this.listKind = this.fieldKind === 'list' ? kind : undefined;
    this.mapKind = this.fieldKind === 'map' ? kind : undefined;
    this.mapKey = entry?.key.type;
    this.scalar = kind === 'scalar' ? type : undefined;
    this.packed = this.fieldKind === 'list' ? row.isPacked : undefined;
    this.delimitedEncoding = kind === 'message' || entry !== undefined ? false : undefined;
    this.#find = find;
    this.#typeName = kind === 'scalar' ? '' : typeName;
  }

  get message(): DescMessage | undefined {
    const type = this.#resolve();
    return type?.kind === 'message' ? type : undefined;
  }

  get enum(): DescEnum | undefined {
    const type = this.#resolve();
    return type?.kind === 'enum' ? type : undefined;
  }

  get proto(): never {
    return noProto(this);
  }

  /** proto3 has no default values but the zero of the type. */
  getDefaultValue(): undefined {
    return undefined;
  }

  toString(): string {
    return `field ${this.parent.typeName}.${this.name}`;
  }

  #resolve(): DescMessage | DescEnum | undefined {
    if (this.#typeName === '') return undefined;
    return (this.#type ??= this.#find(this.#typeName));
  }
}

/** Makes the descriptor of a field. */
export function newField(row: FieldRow, parent: DescMessage, oneof: DescOneof | undefined, find: FindType, entryOf: FindEntry): DescField {
  // which of the union's members it is depends on the row: the union cannot be told to the compiler
  return new LazyField(row, parent, oneof, find, entryOf) as unknown as DescField;
}
