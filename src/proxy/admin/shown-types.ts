/** Types of what is shown as JSON: ours, and any other by its name alone, so that what was refused for a type can be shown. */
import { create, createFileRegistry, type DescMessage, type Registry } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { typeRegistry } from '../../xds/type-registry.ts';

/** A message type of this name that has no fields. */
function emptyType(typeName: string): DescMessage | undefined {
  const dot = typeName.lastIndexOf('.');
  const file = create(FileDescriptorProtoSchema, {
    name: `${typeName}.proto`,
    package: typeName.slice(0, Math.max(0, dot)),
    syntax: 'proto3',
    messageType: [{ name: typeName.slice(dot + 1) }],
  });
  return createFileRegistry(file, () => undefined).getMessage(typeName);
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
