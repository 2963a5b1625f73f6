/** Bytes that health checks send and look for. Envoy: HealthCheck.Payload. */
import { ConfigError } from '../../core/errors.ts';
import type { HealthCheck_Payload as PayloadProto } from '../../xds/gen/envoy/config/core/v3/health_check_pb.ts';

/** Reads one payload: hexadecimal text, or bytes as they are. `path` is its own. */
export function readPayload({ payload }: PayloadProto, path: string): Buffer {
  if (payload.case === 'binary' && payload.value.length > 0) return Buffer.from(payload.value);
  if (payload.case !== 'text') throw new ConfigError(path, 'neither text nor binary is given');
  if (!/^(?:[0-9a-f]{2})+$/i.test(payload.value)) throw new ConfigError(`${path}.text`, `"${payload.value}" is not hexadecimal`);
  return Buffer.from(payload.value, 'hex');
}

/** Reads all payloads of a list. */
export function readPayloads(payloads: readonly PayloadProto[], path: string): readonly Buffer[] {
  return payloads.map((payload, i) => readPayload(payload, `${path}[${i}]`));
}

/** True where `bytes` hold all segments one after the other, with anything between. */
export function holdsPayloads(segments: readonly Buffer[], bytes: Buffer): boolean {
  let at = 0;
  for (const segment of segments) {
    const found = bytes.indexOf(segment, at);
    if (found < 0) return false;
    at = found + segment.length;
  }
  return true;
}
