/**
 * The value of a session's cookie: a protobuf message `{ string address = 1; int64 expires = 2; }` as Envoy writes it, so
 * that both understand each other's. It is read by hand, for it comes from clients.
 */
const ADDRESS = 0x0a;
const EXPIRES = 0x10;
const VARINT_BYTES_MAX = 10;

function encodeVarint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return bytes;
}

/** A cookie's bytes; `expiresSeconds` 0: it does not expire. */
export function encodeSession(address: string, expiresSeconds: number): Buffer {
  const text = Buffer.from(address);
  const expires = expiresSeconds === 0 ? [] : [EXPIRES, ...encodeVarint(expiresSeconds)];
  return Buffer.concat([Buffer.from([ADDRESS, ...encodeVarint(text.length)]), text, Buffer.from(expires)]);
}

/** A varint at `at` and where it ends; undefined where it does not. */
function readVarint(bytes: Uint8Array, at: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let i = 0; i < VARINT_BYTES_MAX; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, end: at + i + 1 };
  }
  return undefined;
}

interface Fields {
  address: string;
  expires: number;
}

/** The message's fields; undefined where the bytes are no such message. */
function readFields(bytes: Buffer): Fields | undefined {
  const fields: Fields = { address: '', expires: 0 };
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at];
    const number = readVarint(bytes, at + 1);
    if (number === undefined || (tag !== ADDRESS && tag !== EXPIRES)) return undefined;
    at = number.end;
    if (tag === EXPIRES) {
      fields.expires = number.value;
      continue;
    }
    if (at + number.value > bytes.length) return undefined;
    fields.address = bytes.toString('latin1', at, at + number.value);
    at += number.value;
  }
  return fields;
}

/** The address in a cookie's bytes; undefined where there is none, or it has expired. Bytes of no message are the address itself. */
export function decodeSession(bytes: Buffer, nowSeconds: number): string | undefined {
  const fields = readFields(bytes);
  if (fields === undefined) return bytes.toString('latin1');
  const isExpired = fields.expires !== 0 && nowSeconds > fields.expires;
  return fields.address === '' || isExpired ? undefined : fields.address;
}
