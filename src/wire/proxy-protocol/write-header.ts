/** Headers of the PROXY protocol as a sender writes them. Source: PROXY protocol, sections 2.1 and 2.2. */
import { parseIp } from '../../core/cidr.ts';
import type { ProxyEndpoint, ProxyTlv } from './result.ts';

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
const LOCAL_COMMAND = 0x20;
const PROXY_COMMAND = 0x21;
const TCP4 = 0x11;
const TCP6 = 0x21;
const LENGTH_MAX = 0xffff;

/** Whom a connection is from and for. */
interface Ends {
  readonly source: ProxyEndpoint;
  readonly destination: ProxyEndpoint;
}

const isIpv6 = ({ address }: ProxyEndpoint): boolean => address.includes(':');
const uint16 = (value: number): number[] => [value >> 8, value & 0xff];

/** A header of version 1; UNKNOWN where the ends are not of one family. */
export function version1Header({ source, destination }: Ends): Uint8Array {
  const family = isIpv6(source) ? 'TCP6' : 'TCP4';
  const ends = `${family} ${source.address} ${destination.address} ${source.port} ${destination.port}`;
  return new TextEncoder().encode(`PROXY ${isIpv6(source) === isIpv6(destination) ? ends : 'UNKNOWN'}\r\n`);
}

/** Both addresses and ports; undefined where they are not of one family. */
function addressBlock({ source, destination }: Ends): number[] | undefined {
  const from = parseIp(source.address);
  const to = parseIp(destination.address);
  if (from === undefined || to === undefined || isIpv6(source) !== isIpv6(destination)) return undefined;
  return [...from, ...to, ...uint16(source.port), ...uint16(destination.port)];
}

/** A header of version 2; LOCAL where no ends are given, or not of one family. Undefined where the fields are too long for one. */
export function version2Header(ends: Ends | undefined, tlvs: readonly ProxyTlv[]): Uint8Array | undefined {
  const block = ends && addressBlock(ends);
  if (ends === undefined || block === undefined) return Uint8Array.from([...SIGNATURE, LOCAL_COMMAND, 0, 0, 0]);
  const length = tlvs.reduce((sum, { value }) => sum + 3 + value.length, block.length);
  if (length > LENGTH_MAX) return undefined;
  const fields = tlvs.flatMap(({ type, value }) => [type, ...uint16(value.length), ...value]);
  const family = isIpv6(ends.source) ? TCP6 : TCP4;
  return Uint8Array.from([...SIGNATURE, PROXY_COMMAND, family, ...uint16(length), ...block, ...fields]);
}
