import type { DescFile, DescMessage, DescMethod, DescService } from '@bufbuild/protobuf';
import type { FindType } from './field.ts';
import { localName } from './names.ts';
import { noProto } from './no-proto.ts';
import { type Span, WireReader } from './wire.ts';

// ServiceDescriptorProto and MethodDescriptorProto, google/protobuf/descriptor.proto
const NAME = 1;
const METHOD = 2;
const METHOD_NAME = 1;
const INPUT_TYPE = 2;
const OUTPUT_TYPE = 3;
const CLIENT_STREAMING = 5;
const SERVER_STREAMING = 6;

/** What a service is read from, once. */
export interface ServiceSource {
  readonly bytes: Buffer;
  readonly span: Span;
  /** Its package, with a dot behind it. */
  readonly scope: string;
  readonly find: FindType;
}

function methodKind(isClientStreaming: boolean, isServerStreaming: boolean): DescMethod['methodKind'] {
  if (isClientStreaming) return isServerStreaming ? 'bidi_streaming' : 'client_streaming';
  return isServerStreaming ? 'server_streaming' : 'unary';
}

class LazyMethod implements DescMethod {
  readonly kind = 'rpc';
  readonly deprecated = false;
  /** MethodOptions.IdempotencyLevel: unknown. */
  readonly idempotency = 0;
  readonly parent: DescService;
  readonly name: string;
  readonly localName: string;
  readonly methodKind: DescMethod['methodKind'];
  readonly #message: (name: string) => DescMessage;
  readonly #input: string;
  readonly #output: string;

  constructor(parent: DescService, { bytes, find }: ServiceSource, span: Span) {
    const reader = new WireReader(bytes, span);
    let [name, input, output] = ['', '', ''];
    let [isClientStreaming, isServerStreaming] = [false, false];
    while (reader.next()) {
      if (reader.field === METHOD_NAME) name = reader.name();
      else if (reader.field === INPUT_TYPE) input = reader.name().slice(1);
      else if (reader.field === OUTPUT_TYPE) output = reader.name().slice(1);
      else if (reader.field === CLIENT_STREAMING) isClientStreaming = reader.int() !== 0;
      else if (reader.field === SERVER_STREAMING) isServerStreaming = reader.int() !== 0;
      else reader.skip();
    }
    this.parent = parent;
    this.name = name;
    this.localName = localName(name.slice(0, 1).toLowerCase() + name.slice(1));
    this.methodKind = methodKind(isClientStreaming, isServerStreaming);
    this.#input = input;
    this.#output = output;
    this.#message = (typeName) => {
      const type = find(typeName);
      if (type.kind !== 'message') throw new Error(`${typeName} is no message`);
      return type;
    };
  }

  get input(): DescMessage {
    return this.#message(this.#input);
  }

  get output(): DescMessage {
    return this.#message(this.#output);
  }

  get proto(): never {
    return noProto(this);
  }

  toString(): string {
    return `rpc ${this.parent.typeName}.${this.name}`;
  }
}

interface ServiceParts {
  readonly name: string;
  readonly typeName: string;
  readonly methods: DescMethod[];
  readonly method: Record<string, DescMethod>;
}

/** A service, read at its first use. */
export class LazyService implements DescService {
  readonly kind = 'service';
  readonly deprecated = false;
  readonly file: DescFile;
  readonly #source: () => ServiceSource;
  #parts: ServiceParts | undefined;

  constructor(file: DescFile, source: () => ServiceSource) {
    this.file = file;
    this.#source = source;
  }

  get name(): string {
    return this.#read().name;
  }

  get typeName(): string {
    return this.#read().typeName;
  }

  get methods(): DescMethod[] {
    return this.#read().methods;
  }

  get method(): Record<string, DescMethod> {
    return this.#read().method;
  }

  get proto(): never {
    return noProto(this);
  }

  toString(): string {
    return `service ${this.typeName}`;
  }

  #read(): ServiceParts {
    return (this.#parts ??= this.#parse());
  }

  #parse(): ServiceParts {
    const source = this.#source();
    const reader = new WireReader(source.bytes, source.span);
    const methods: DescMethod[] = [];
    let name = '';
    while (reader.next()) {
      if (reader.field === NAME) name = reader.name();
      else if (reader.field === METHOD) methods.push(new LazyMethod(this, source, reader.span()));
      else reader.skip();
    }
    const method = Object.fromEntries(methods.map((one) => [one.localName, one]));
    return { name, typeName: source.scope + name, methods, method };
  }
}
