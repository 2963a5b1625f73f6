/** The server name of a request's connection, from the request: UpstreamHttpProtocolOptions.auto_sni. */
import { isIP } from 'node:net';
import { ConfigError } from '../../core/errors.ts';
import type { RequestHead } from '../../wire/http/message.ts';
import type { UpstreamHttpProtocolOptions } from '../../xds/gen/envoy/config/core/v3/protocol_pb.ts';

/** A host without its port; '' for an IP address, which is no server name (RFC 6066 section 3). */
export function serverNameIn(authority: string): string {
  if (authority.startsWith('[')) return '';
  const colon = authority.lastIndexOf(':');
  const host = colon < 0 ? authority : authority.slice(0, colon);
  return isIP(host) === 0 ? host : '';
}

/**
 * Prepares `auto_sni`: by `override_auto_sni_header` where the request has it, else by its authority. Undefined where
 * names do not depend on requests.
 */
export function serverNameReader(
  options: UpstreamHttpProtocolOptions | undefined,
  path: string,
): ((request: RequestHead) => string) | undefined {
  if (options === undefined) return undefined;
  const header = options.overrideAutoSniHeader.toLowerCase();
  if (!options.autoSni) {
    if (header !== '') throw new ConfigError(`${path}.override_auto_sni_header`, 'is set without auto_sni');
    return undefined;
  }
  if (header === '' || header === ':authority' || header === 'host') return ({ authority }) => serverNameIn(authority);
  return ({ authority, headers }) => serverNameIn(headers.get(header) ?? authority);
}
