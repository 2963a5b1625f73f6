/** Types of what is shown as JSON: ours, and any other by its name alone, so that what was refused for a type can be shown. */
import type { DescMessage, Registry } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { fileDesc, namedMessageDesc } from '../../xds/descriptors/index.ts';
import { typeRegistry } from '../../xds/type-registry.ts';

/** Fields of FileDescriptorProto, and of the DescriptorProto in it. */
const FILE = { name: 1, package: 2, messageType: 4, syntax: 12 } as const;
const MESSAGE = { name: 1 } as const;

const text = (writer: BinaryWriter, field: number, value: string): BinaryWriter =>
  writer.tag(field, WireType.LengthDelimited).string(value);

/** A message type of this name that has no fields. */
function emptyType(typeName: string): DescMessage {
  const dot = typeName.lastIndexOf('.');
  const file = new BinaryWriter();
  text(file, FILE.name, `${typeName}.proto`);
  text(file, FILE.package, typeName.slice(0, Math.max(0, dot)));
  text(file.tag(FILE.messageType, WireType.LengthDelimited).fork(), MESSAGE.name, typeName.slice(dot + 1)).join();
  text(file, FILE.syntax, 'proto3');
  return namedMessageDesc(typeName, fileDesc(Buffer.from(file.finish()).toString('base64')), 0);
}

/** For `toJson`. */
export const shownTypes: Registry = {
  kind: typeRegistry.kind,
  [Symbol.iterator]: () => typeRegistry[Symbol.iterator](),
  get: (typeName) => typeRegistry.get(typeName),
  getMessage: (typeName) => typeRegistry.getMessage(typeName) ?? emptyType(typeName),
  getEnum: (typeName) => typeRegistry.getEnum(typeName),
  getExtension: (typeName) => typeRegistry.getExtension(typeName),
  getExtensionFor: (extendee, no) => typeRegistry.getExtensionFor(extendee, no),
  getService: (typeName) => typeRegistry.getService(typeName),
};
