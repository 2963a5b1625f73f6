/** Version 1: `PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n`, at most 107 bytes. */
import { parseIp } from '../../core/cidr.ts';
import { latin1 } from '../http1/bytes.ts';
import { formatIp } from './format-ip.ts';
import { INCOMPLETE, malformed, type ProxyEndpoint, type ProxyHeader, type ProxyHeaderResult } from './result.ts';

const LINE_BYTES_MAX = 107;
const CR = 0x0d;
const LF = 0x0a;

const ADDRESS_BYTES: ReadonlyMap<string, number> = new Map([
  ['TCP4', 4],
  ['TCP6', 16],
]);

function endpoint(address: string, port: string, addressBytes: number): ProxyEndpoint | undefined {
  const bytes = parseIp(address);
  if (bytes?.length !== addressBytes) return undefined;
  if (!/^(?:0|[1-9][0-9]{0,4})$/.test(port) || Number(port) > 0xffff) return undefined;
  return { address: formatIp(bytes), port: Number(port) };
}

function headerOf(endpoints: ProxyHeader['endpoints'], lengthBytes: number): ProxyHeaderResult {
  return { kind: 'header', header: { version: 1, endpoints, tlvs: [], lengthBytes } };
}

/** Reads a line that begins with `PROXY `. */
export function readVersion1(bytes: Uint8Array): ProxyHeaderResult {
  const most = Math.min(bytes.length, LINE_BYTES_MAX);
  let end = 0;
  while (end < most && bytes[end] !== LF) end++;
  if (end === most) return most < LINE_BYTES_MAX ? INCOMPLETE : malformed('line without end');
  if (bytes[end - 1] !== CR) return malformed('line not ended by CR LF');
  const [, family = '', source = '', destination = '', sourcePort = '', destinationPort = '', ...rest] = latin1(bytes, 0, end - 1).split(
    ' ',
  );
  if (family === 'UNKNOWN') return headerOf(undefined, end + 1);
  const addressBytes = ADDRESS_BYTES.get(family);
  if (addressBytes === undefined) return malformed('unknown address family');
  const from = endpoint(source, sourcePort, addressBytes);
  const to = endpoint(destination, destinationPort, addressBytes);
  if (from === undefined || to === undefined || rest.length > 0) return malformed('invalid addresses');
  return headerOf({ source: from, destination: to }, end + 1);
}
