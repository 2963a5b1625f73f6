/**
 * A name table (istio.networking.nds.v1.NameTable) read name by name: a mesh has thousands, and a message for each, all of
 * them at once, is memory that a process does not give back.
 */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { ConfigError, messageOf } from '../../core/errors.ts';
import type { NameInfo } from '../../wire/dns/name-table.ts';

/** Fields of NameTable, of its entries, and of NameInfo. */
const TABLE = 1;
const [KEY, VALUE] = [1, 2];
const [IPS, SHORTNAME, NAMESPACE] = [1, 3, 4];

/** Calls `take` with each length-delimited field of a message. */
function eachField(bytes: Uint8Array, take: (field: number, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (wireType !== WireType.LengthDelimited || !take(field, reader)) reader.skip(wireType, field);
  }
}

function readInfo(bytes: Uint8Array): NameInfo {
  const ips: string[] = [];
  let [shortname, namespace] = ['', ''];
  eachField(bytes, (field, reader) => {
    if (field === IPS) ips.push(reader.string());
    else if (field === SHORTNAME) shortname = reader.string();
    else if (field === NAMESPACE) namespace = reader.string();
    else return false;
    return true;
  });
  return { ips, shortname, namespace };
}

/** Calls `onName` with each name of an encoded table. Throws ConfigError where the bytes are none. */
export function readNameTable(bytes: Uint8Array, onName: (host: string, info: NameInfo) => void): void {
  const onEntry = (entry: Uint8Array): void => {
    let host = '';
    let info: NameInfo = { ips: [], shortname: '', namespace: '' };
    eachField(entry, (field, reader) => {
      if (field === KEY) host = reader.string();
      else if (field === VALUE) info = readInfo(reader.bytes());
      else return false;
      return true;
    });
    onName(host, info);
  };
  try {
    eachField(bytes, (field, reader) => {
      if (field !== TABLE) return false;
      onEntry(reader.bytes());
      return true;
    });
  } catch (cause) {
    throw new ConfigError('', `not a name table: ${messageOf(cause)}`, { cause });
  }
}
