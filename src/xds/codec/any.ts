/**
 * Messages in an Any that came from JSON. They are kept as they were read: whoever asks for the message gets it, and
 * its bytes are made only for who asks for bytes.
 */
import { type DescMessage, isMessage, type Message, type MessageShape, toBinary } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';

class ReadAny {
  readonly $typeName = 'google.protobuf.Any';
  readonly typeUrl: string;
  readonly message: Message;
  readonly #schema: DescMessage;
  #value: Uint8Array<ArrayBuffer> | undefined;

  constructor(schema: DescMessage, message: Message) {
    this.typeUrl = `type.googleapis.com/${schema.typeName}`;
    this.message = message;
    this.#schema = schema;
  }

  get value(): Uint8Array<ArrayBuffer> {
    return (this.#value ??= toBinary(this.#schema, this.message));
  }
}

/** An Any that holds `message`. */
export function anyOf(schema: DescMessage, message: Message): Any {
  return new ReadAny(schema, message);
}

/** The message in an Any that was read from JSON, where it is one of `schema`. */
export function messageIn<S extends DescMessage>(any: Any, schema: S): MessageShape<S> | undefined {
  return any instanceof ReadAny && isMessage(any.message, schema) ? any.message : undefined;
}
