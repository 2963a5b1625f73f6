import type { DescEnum, DescExtension, DescFile, DescMessage, DescService } from '@bufbuild/protobuf';
import { type EnumSource, LazyEnum } from './enum.ts';
import { LazyMessage, type MessageSource, type TypeHolder } from './message.ts';
import { noProto } from './no-proto.ts';
import { LazyService } from './service.ts';
import { type Span, WireReader } from './wire.ts';

// FileDescriptorProto, google/protobuf/descriptor.proto
const NAME = 1;
const PACKAGE = 2;
const MESSAGE_TYPE = 4;
const ENUM_TYPE = 5;
const SERVICE = 6;
const SYNTAX = 12;
/** Edition.EDITION_PROTO3 */
const PROTO3 = 999;

interface Outline {
  readonly bytes: Buffer;
  readonly name: string;
  /** The package, with a dot behind it. */
  readonly scope: string;
  readonly messages: readonly Span[];
  readonly enums: readonly Span[];
  readonly services: readonly Span[];
}

/** Reads where the parts of a file stand, and none of them. */
function parseOutline(encoded: string): Outline {
  const bytes = Buffer.from(encoded, 'base64');
  const reader = new WireReader(bytes, { start: 0, end: bytes.length });
  const messages: Span[] = [];
  const enums: Span[] = [];
  const services: Span[] = [];
  let [name, scope, syntax] = ['', '', ''];
  while (reader.next()) {
    if (reader.field === NAME) name = reader.name();
    else if (reader.field === PACKAGE) scope = `${reader.name()}.`;
    else if (reader.field === MESSAGE_TYPE) messages.push(reader.span());
    else if (reader.field === ENUM_TYPE) enums.push(reader.span());
    else if (reader.field === SERVICE) services.push(reader.span());
    else if (reader.field === SYNTAX) syntax = reader.name();
    else reader.skip();
  }
  // another syntax has other defaults for presence, packing and enumerations
  if (syntax !== 'proto3') throw new Error(`${name} has syntax "${syntax}", not proto3`);
  return { bytes, name, scope, messages, enums, services };
}

function nth(spans: readonly Span[], index: number, what: string): Span {
  const span = spans[index];
  if (span === undefined) throw new Error(`there is no ${what} number ${index}`);
  return span;
}

/** A type of `file` by its name within the file's package, as `Outer.Inner`. */
function typeNamed(file: DescFile, name: string): DescMessage | DescEnum | undefined {
  const steps = name.split('.');
  let messages: readonly DescMessage[] = file.messages;
  let enums: readonly DescEnum[] = file.enums;
  for (const [i, step] of steps.entries()) {
    const message = messages.find((one) => one.name === step);
    if (i === steps.length - 1) return message ?? enums.find((one) => one.name === step);
    if (message === undefined) return undefined;
    messages = message.nestedMessages;
    enums = message.nestedEnums;
  }
  return undefined;
}

/** Where the names of a file's types begin: behind its package and a dot. */
function scopeOf(file: DescFile): string {
  if (file instanceof LazyFile) return file.scope;
  const [type] = file.messages;
  return type === undefined ? '' : type.typeName.slice(0, -type.name.length);
}

/** A file of descriptors, which is decoded when one of its types is used for the first time. */
export class LazyFile implements DescFile, TypeHolder {
  readonly kind = 'file';
  readonly edition = PROTO3;
  readonly deprecated = false;
  /** No file of ours extends messages of another. */
  readonly extensions: DescExtension[] = [];
  readonly dependencies: DescFile[];
  #encoded: string | (() => string);
  #scope: string | undefined;
  #outline: Outline | undefined;
  readonly #messages: LazyMessage[] = [];
  readonly #enums: LazyEnum[] = [];
  readonly #services: LazyService[] = [];

  /** `encoded` is a FileDescriptorProto in base64; types are looked for in `dependencies` too. */
  constructor(encoded: string | (() => string), dependencies: DescFile[]) {
    this.#encoded = encoded;
    this.dependencies = dependencies;
  }

  /** True once one of its types has been used. */
  get isRead(): boolean {
    return this.#outline !== undefined;
  }

  /** The path without `.proto`. */
  get name(): string {
    return this.#read().name.replace(/\.proto$/, '');
  }

  /** What the names of its types begin with: its package and a dot. */
  get scope(): string {
    return (this.#scope ??= this.#read().scope);
  }

  /** Tells the scope before the file is read, so that whoever looks for types of others can pass it by. */
  set scope(scope: string) {
    this.#scope = scope;
  }

  get messages(): DescMessage[] {
    return this.#read().messages.map((_, i) => this.message(i));
  }

  get enums(): DescEnum[] {
    return this.#read().enums.map((_, i) => this.enum(i));
  }

  get services(): DescService[] {
    return this.#read().services.map((_, i) => this.service(i));
  }

  get proto(): never {
    return noProto(this);
  }

  /** The message number `index`. */
  message(index: number): LazyMessage {
    return (this.#messages[index] ??= new LazyMessage(this, undefined, index));
  }

  /** The enumeration number `index`. */
  enum(index: number): LazyEnum {
    return (this.#enums[index] ??= new LazyEnum(this, undefined, index));
  }

  messageSource(index: number): MessageSource {
    const { bytes, scope, messages } = this.#read();
    return { bytes, span: nth(messages, index, 'message'), scope, find: (typeName) => this.#find(typeName) };
  }

  enumSource(index: number): EnumSource {
    const { bytes, scope, enums } = this.#read();
    return { bytes, span: nth(enums, index, 'enumeration'), scope };
  }

  /** The service number `index`. */
  service(index: number): LazyService {
    return (this.#services[index] ??= new LazyService(this, () => {
      const { bytes, scope, services } = this.#read();
      return { bytes, span: nth(services, index, 'service'), scope, find: (typeName) => this.#find(typeName) };
    }));
  }

  toString(): string {
    return `file ${this.#read().name}`;
  }

  #read(): Outline {
    if (this.#outline !== undefined) return this.#outline;
    this.#outline = parseOutline(typeof this.#encoded === 'string' ? this.#encoded : this.#encoded());
    this.#encoded = '';
    return this.#outline;
  }

  #find(typeName: string): DescMessage | DescEnum {
    for (const file of [this, ...this.dependencies]) {
      const scope = scopeOf(file);
      const found = typeName.startsWith(scope) ? typeNamed(file, typeName.slice(scope.length)) : undefined;
      if (found !== undefined) return found;
    }
    throw new Error(`${this.#read().name} and what it imports have no ${typeName}`);
  }
}
