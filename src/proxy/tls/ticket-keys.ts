/** Keys that session tickets are sealed with: TlsSessionTicketKeys. */
import { randomBytes } from 'node:crypto';
import type { SecureContext } from 'node:tls';
import { ConfigError } from '../../core/errors.ts';
import { setTicketKeys } from '../../net/tls-context.ts';
import type { TlsSessionTicketKeys } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import type { TicketKeys } from '../config/secret-store.ts';
import { readDataBytes } from './data-source.ts';

const KEY_BYTES = 80;
const PART_BYTES = 16;
/** Where the parts begin in Envoy's 80 bytes: a name of 16, an HMAC key of 32, an AES key of 32. */
const HMAC_AT = 16;
const AES_AT = 48;

/** Reads keys; `path` is their own. Throws ConfigError. */
export function readTicketKeys(config: TlsSessionTicketKeys, path: string): TicketKeys {
  if (config.keys.length === 0) throw new ConfigError(`${path}.keys`, 'is empty');
  const keys = config.keys.map((source, i) => {
    const bytes = readDataBytes(source, `${path}.keys[${i}]`);
    if (bytes.length !== KEY_BYTES) throw new ConfigError(`${path}.keys[${i}]`, `has ${bytes.length} bytes; ${KEY_BYTES} are needed`);
    return bytes;
  });
  return { keys };
}

/** Makes a context use the keys. OpenSSL, as Node has it, takes half of each: tickets are another software's only by name. */
export function useTicketKeys(context: SecureContext, { keys }: TicketKeys): void {
  const part = (key: Uint8Array, at: number): Buffer => Buffer.from(key.subarray(at, at + PART_BYTES));
  const parts = keys.map((key) => ({ name: part(key, 0), hmac: part(key, HMAC_AT), aes: part(key, AES_AT) }));
  setTicketKeys(context, parts, () => randomBytes(PART_BYTES));
}
