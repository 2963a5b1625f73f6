/**
 * What generated code makes descriptors with, instead of protobuf-es's functions of the same names: those decode every
 * file when its module is imported, which took half of a proxy's start and ten MiB; these do nothing until a type
 * is used, and then read that type only. `descriptors.test.ts` holds both to the same answers.
 */
import type { DescFile, Message } from '@bufbuild/protobuf';
import type { GenEnum, GenFile, GenMessage, GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2';
import type { LazyEnum } from './enum.ts';
import { LazyFile } from './file.ts';
import type { LazyMessage } from './message.ts';

function lazy(file: DescFile): LazyFile {
  if (file instanceof LazyFile) return file;
  throw new Error(`${file.toString()} was made by another function`);
}

function messageAt(file: DescFile, [first = 0, ...rest]: readonly number[]): LazyMessage {
  return rest.reduce((message, index) => message.nestedMessage(index), lazy(file).message(first));
}

function enumAt(file: DescFile, path: readonly number[]): LazyEnum {
  const last = path.at(-1) ?? 0;
  return path.length === 1 ? lazy(file).enum(last) : messageAt(file, path.slice(0, -1)).nestedEnum(last);
}

/** A file, from a FileDescriptorProto in base64, or what gives it, and the files that it imports. */
export function fileDesc(encoded: string | (() => string), imports: DescFile[] = []): GenFile {
  return new LazyFile(encoded, imports);
}

/** The message at `path`: its number in the file, then in the message around it. */
export function messageDesc<Shape extends Message>(file: DescFile, ...path: number[]): GenMessage<Shape> {
  // generated code says which shape the message at this place has
  return messageAt(file, path) as unknown as GenMessage<Shape>;
}

/** The same, of the type `typeName`: tables find it without reading its file. */
export function namedMessageDesc<Shape extends Message>(typeName: string, file: DescFile, ...path: number[]): GenMessage<Shape> {
  if (path.length === 1) lazy(file).scope = typeName.slice(0, typeName.lastIndexOf('.') + 1);
  return messageAt(file, path).named(typeName) as unknown as GenMessage<Shape>;
}

/** The enumeration at `path`. */
export function enumDesc<Shape extends number>(file: DescFile, ...path: number[]): GenEnum<Shape> {
  return enumAt(file, path) as unknown as GenEnum<Shape>;
}

/** The service number `index` of a file. */
export function serviceDesc<Methods extends GenServiceMethods>(file: DescFile, index: number): GenService<Methods> {
  return lazy(file).service(index) as unknown as GenService<Methods>;
}
