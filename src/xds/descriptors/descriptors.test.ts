/** Every generated file, read by protobuf-es's own functions and by ours: the descriptors must be the same. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { DescEnum, DescField, DescFile, DescMessage, DescService } from '@bufbuild/protobuf';
import { fileDesc as eagerFile } from '@bufbuild/protobuf/codegenv2';
import * as wkt from '@bufbuild/protobuf/wkt';
import { enumDesc, fileDesc, messageDesc } from './index.ts';
import { LazyFile } from './file.ts';
import { LazyMessage } from './message.ts';

const gen = path.resolve(import.meta.dirname, '../gen');

interface Generated {
  readonly encoded: string;
  readonly imports: readonly string[];
}

/** Generated modules by the name of their file's descriptor. */
const generated = new Map<string, Generated>(
  globSync('**/*_pb.ts', { cwd: gen }).map((file) => {
    const text = readFileSync(path.join(gen, file), 'utf8');
    const found = /export const (file_\w+): GenFile = [^"]*"([^"]*)"(?:, \[([^\]]*)\])?\);/.exec(text);
    assert.ok(found, file);
    const [, name = '', encoded = '', imports = ''] = found;
    return [name, { encoded, imports: imports.split(', ').filter((one) => one !== '') }];
  }),
);

/** Builds a file and what it imports with one of the two functions. */
function build(make: (encoded: string, imports: DescFile[]) => DescFile, name: string, built: Map<string, DescFile>): DescFile {
  const known = built.get(name) ?? Reflect.get(wkt, name);
  if (known !== undefined) return known;
  const { encoded, imports } = generated.get(name) ?? assert.fail(name);
  const file = make(
    encoded,
    imports.map((one) => build(make, one, built)),
  );
  built.set(name, file);
  return file;
}

const describeField = (field: DescField): object => ({
  text: field.toString(),
  kind: field.kind,
  name: field.name,
  localName: field.localName,
  jsonName: field.jsonName,
  number: field.number,
  deprecated: field.deprecated,
  presence: field.presence,
  utf8: field.utf8Validation,
  fieldKind: field.fieldKind,
  oneof: field.oneof?.name,
  scalar: field.scalar,
  message: field.message?.typeName,
  enum: field.enum?.typeName,
  listKind: 'listKind' in field ? field.listKind : undefined,
  mapKind: 'mapKind' in field ? field.mapKind : undefined,
  mapKey: 'mapKey' in field ? field.mapKey : undefined,
  packed: 'packed' in field ? field.packed : undefined,
  delimited: 'delimitedEncoding' in field ? field.delimitedEncoding : undefined,
  longAsString: 'longAsString' in field ? field.longAsString : undefined,
  parent: field.parent.typeName,
});

const describeEnum = (desc: DescEnum): object => ({
  text: desc.toString(),
  name: desc.name,
  typeName: desc.typeName,
  open: desc.open,
  parent: desc.parent?.typeName,
  prefix: desc.sharedPrefix,
  values: desc.values.map((one) => [one.name, one.localName, one.number, one.jsonName, one.toString()]),
  byNumber: Object.entries(desc.value).map(([number, one]) => [number, one.name]),
});

const describeMessage = (desc: DescMessage): object => ({
  text: desc.toString(),
  name: desc.name,
  typeName: desc.typeName,
  deprecated: desc.deprecated,
  parent: desc.parent?.typeName,
  fields: desc.fields.map(describeField),
  byName: Object.entries(desc.field).map(([name, field]) => [name, field.number]),
  members: desc.members.map((member) => [member.kind, member.localName]),
  oneofs: desc.oneofs.map((oneof) => [oneof.name, oneof.localName, oneof.fields.map(({ name }) => name), oneof.toString()]),
  enums: desc.nestedEnums.map(describeEnum),
  nested: desc.nestedMessages.map(describeMessage),
});

const describeService = (desc: DescService): object => ({
  typeName: desc.typeName,
  methods: desc.methods.map((one) => [one.name, one.localName, one.methodKind, one.input.typeName, one.output.typeName, one.idempotency]),
  byName: Object.keys(desc.method),
});

const describeFile = (desc: DescFile): object => ({
  name: desc.name,
  edition: desc.edition,
  messages: desc.messages.map(describeMessage),
  enums: desc.enums.map(describeEnum),
  services: desc.services.map(describeService),
});

test('descriptors of every generated file are what protobuf-es makes of it', () => {
  assert.ok(generated.size > 100);
  const eager = new Map<string, DescFile>();
  const lazy = new Map<string, DescFile>();
  for (const name of generated.keys())
    assert.deepEqual(describeFile(build(fileDesc, name, lazy)), describeFile(build(eagerFile, name, eager)), name);
});

test('a file is read when one of its types is asked what it is, not before', () => {
  const built = new Map<string, DescFile>();
  const name = 'file_envoy_config_listener_v3_listener';
  const file = build(fileDesc, name, built);
  const listener = messageDesc(file, 1);
  const read = (): string[] => [...built].filter(([, one]) => one instanceof LazyFile && one.isRead).map(([key]) => key);
  assert.deepEqual(read(), []);
  assert.equal(listener.typeName, 'envoy.config.listener.v3.Listener');
  assert.ok(listener.fields.length > 10);
  assert.deepEqual(read(), [name]);
  assert.equal(listener.fields.find((field) => field.name === 'address')?.message?.name, 'Address');
  assert.ok(read().includes('file_envoy_config_core_v3_address'));
  assert.ok(!read().includes('file_envoy_config_core_v3_protocol'));
});

test('a type is the same object however it is come by', () => {
  const file = build(fileDesc, 'file_envoy_config_core_v3_address', new Map());
  const address = messageDesc(file, 2);
  assert.equal(file.messages[2], address);
  assert.equal(enumDesc(file, 2, 0), address.nestedEnums[0]);
  assert.equal(address.fields[0]?.enum, enumDesc(file, 2, 0));
});

test('what is no descriptor of proto3 is an error', () => {
  const encoded = (bytes: number[]): string => Buffer.from(bytes).toString('base64');
  const cases: [string, RegExp][] = [
    [encoded([0x62, 6, ...Buffer.from('proto2')]), /has syntax "proto2", not proto3/],
    [encoded([]), /has syntax "", not proto3/],
    [encoded([0x0a, 0x80]), /ends too early/],
    [encoded([0x4b]), /wire type 3/],
  ];
  for (const [text, expected] of cases) assert.throws(() => fileDesc(text).messages, expected);
  const empty = fileDesc(encoded([0x62, 6, ...Buffer.from('proto3')]));
  assert.throws(() => messageDesc(empty, 0).typeName, /no message number 0/);
  assert.throws(() => empty.proto, /without google.protobuf's own messages/);
});

/** A file's package, by the scope in which its types are. */
const packageOf = (file: DescFile): string => (file instanceof LazyFile ? file.scope.slice(0, -1) : assert.fail());

test('generated modules name their types rightly', async () => {
  let count = 0;
  for (const name of globSync('**/*_pb.ts', { cwd: gen })) {
    const module: Record<string, unknown> = await import(path.join(gen, name));
    for (const value of Object.values(module)) {
      if (!(value instanceof LazyMessage)) continue;
      const before = value.typeName;
      assert.equal(before, `${value.parent?.typeName ?? packageOf(value.file)}.${value.name}`);
      count++;
    }
  }
  assert.ok(count > 500);
});
