/** What of a request's body goes to the authorization service. Envoy: BufferSettings. */
import { ConfigError } from '../../../../core/errors.ts';
import type { BufferSettings } from '../../../../xds/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts';

export interface BodyOptions {
  readonly maxBytes: number;
  readonly isPartialEnough: boolean;
  readonly packsAsBytes: boolean;
}

/** A body as it was collected; undefined where none was asked for. */
export interface CheckBody {
  readonly bytes: Uint8Array;
  readonly isWhole: boolean;
}

/** Reads `with_request_body`. */
export function readBodyOptions(settings: BufferSettings, path: string): BodyOptions {
  if (settings.maxRequestBytes === 0) throw new ConfigError(`${path}.max_request_bytes`, 'is not above 0');
  return {
    maxBytes: settings.maxRequestBytes,
    isPartialEnough: settings.allowPartialMessage,
    packsAsBytes: settings.packAsBytes,
  };
}
