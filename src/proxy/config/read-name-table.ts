/**
 * A name table (istio.networking.nds.v1.NameTable) read entry by entry, when one is asked for: a mesh has thousands, and a
 * message or a text for each is memory that a process does not give back.
 */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { ConfigError, messageOf } from '../../core/errors.ts';
import type { NamedInfo, NameEntries, NameInfo } from '../../wire/dns/name-table.ts';

/** Fields of NameTable, of its entries, and of NameInfo. */
const TABLE = 1;
const [KEY, VALUE] = [1, 2];
const [IPS, SHORTNAME, NAMESPACE] = [1, 3, 4];

/** Calls `take` with each length-delimited field of a message. */
function eachField(reader: BinaryReader, take: (field: number, reader: BinaryReader) => boolean): void {
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (wireType !== WireType.LengthDelimited || !take(field, reader)) reader.skip(wireType, field);
  }
}

function readInfo(bytes: Uint8Array): NameInfo {
  const ips: string[] = [];
  let [shortname, namespace] = ['', ''];
  eachField(new BinaryReader(bytes), (field, reader) => {
    if (field === IPS) ips.push(reader.string());
    else if (field === SHORTNAME) shortname = reader.string();
    else if (field === NAMESPACE) namespace = reader.string();
    else return false;
    return true;
  });
  return { ips, shortname, namespace };
}

function readEntry(bytes: Uint8Array): NamedInfo {
  let host = '';
  let info: NameInfo = { ips: [], shortname: '', namespace: '' };
  eachField(new BinaryReader(bytes), (field, reader) => {
    if (field === KEY) host = reader.string();
    else if (field === VALUE) info = readInfo(reader.bytes());
    else return false;
    return true;
  });
  return { host, ...info };
}

/** Where the entries of a table begin, at their length. */
function* starts(bytes: Uint8Array): Iterable<number> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === TABLE && wireType === WireType.LengthDelimited) yield reader.pos;
    reader.skip(wireType, field);
  }
}

/** The entries of an encoded table, which is kept as it is. Throws ConfigError where the bytes are none. */
export function readNameTable(bytes: Uint8Array): NameEntries {
  const read = (start: number): NamedInfo => {
    const reader = new BinaryReader(bytes);
    reader.pos = start;
    return readEntry(reader.bytes());
  };
  try {
    for (const start of starts(bytes)) read(start);
  } catch (cause) {
    throw new ConfigError('', `not a name table: ${messageOf(cause)}`, { cause });
  }
  const keys = { [Symbol.iterator]: () => starts(bytes)[Symbol.iterator]() };
  return { keys, read };
}
