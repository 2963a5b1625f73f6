/**
 * Fields of PROXY protocol headers that configuration adds: TcpProxy.proxy_protocol_tlvs, and added_tlvs of an upstream
 * transport. Source: Envoy, envoy.config.core.v3.TlvEntry.
 */
import { ConfigError } from '../../core/errors.ts';
import type { ProxyTlv } from '../../wire/proxy-protocol/result.ts';
import type { TlvEntry } from '../../xds/gen/envoy/config/core/v3/proxy_protocol_pb.ts';
import {
  ProxyProtocolTlvMergePolicy as MergePolicy,
  type TcpProxy,
} from '../../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import { compileFormatString } from '../telemetry/format-string.ts';

/** Makes the fields of one connection. */
export type MakeTlvs = (info: StreamInfo) => readonly ProxyTlv[];

/** What a TCP proxy adds to the fields that came with the client's header; undefined: nothing. */
export interface TlvSettings {
  readonly make: MakeTlvs | undefined;
  /** What becomes of fields that are there already. */
  readonly merge: 'keep' | 'overwrite' | 'append';
}

const NOTHING: readonly ProxyTlv[] = [];

function compileTlv({ type, value, formatString }: TlvEntry, path: string): (info: StreamInfo) => ProxyTlv {
  if (type > 0xff) throw new ConfigError(`${path}.type`, `${type} is more than one byte`);
  if (value.length > 0 && formatString !== undefined) throw new ConfigError(path, 'has both value and format_string');
  if (formatString !== undefined) {
    const format = compileFormatString(formatString, `${path}.format_string`, '');
    return (info) => ({ type, value: Buffer.from(format(info), 'latin1') });
  }
  if (value.length === 0) throw new ConfigError(path, 'has neither value nor format_string');
  const tlv = { type, value };
  return () => tlv;
}

/** Prepares a list of fields; `path` is the list's. Those of a fixed value come first, as in Envoy. */
export function compileTlvs(entries: readonly TlvEntry[], path: string): MakeTlvs | undefined {
  if (entries.length === 0) return undefined;
  const makers = entries.map((entry, i) => ({ isFixed: entry.formatString === undefined, make: compileTlv(entry, `${path}[${i}]`) }));
  const ordered = [...makers.filter(({ isFixed }) => isFixed), ...makers.filter(({ isFixed }) => !isFixed)];
  return (info) => ordered.map(({ make }) => make(info));
}

const MERGES: Readonly<Record<number, TlvSettings['merge']>> = {
  [MergePolicy.ADD_IF_ABSENT]: 'keep',
  [MergePolicy.OVERWRITE_BY_TYPE_IF_EXISTS_OR_ADD]: 'overwrite',
  [MergePolicy.APPEND_IF_EXISTS_OR_ADD]: 'append',
};

/** Reads `proxy_protocol_tlvs` and their policy; `path` is the filter's. */
export function readProxyTlvs(config: TcpProxy, path: string): TlvSettings {
  const merge = MERGES[config.proxyProtocolTlvMergePolicy];
  if (merge === undefined) throw new ConfigError(`${path}.proxy_protocol_tlv_merge_policy`, 'is not known');
  return { make: compileTlvs(config.proxyProtocolTlvs, `${path}.proxy_protocol_tlvs`), merge };
}

/** The fields of a connection whose client's header had `given`; undefined: it had no header. */
export function mergeTlvs({ make, merge }: TlvSettings, given: readonly ProxyTlv[] | undefined, info: StreamInfo): readonly ProxyTlv[] {
  if (given === undefined) return make?.(info) ?? NOTHING;
  if (merge === 'keep' || make === undefined) return given;
  const own = make(info);
  if (merge === 'append') return [...given, ...own];
  const types = new Set(own.map(({ type }) => type));
  return [...own, ...given.filter(({ type }) => !types.has(type))];
}
