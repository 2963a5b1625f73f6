/** Where a request to an ORIGINAL_DST cluster wants to go: what filters, metadata or a header say, else its connection. */
import net from 'node:net';
import { ConfigError } from '../../../core/errors.ts';
import { type NetAddress, parseAddress } from '../../../net/address.ts';
import type { Counter } from '../../telemetry/stats.ts';
import type { PickContext } from '../cluster.ts';

/** The fields of OriginalDstLbConfig and OriginalDstCluster. */
export interface WantedSettings {
  /** Lower case; undefined: no header is looked at. */
  readonly header: string | undefined;
  /** Names of the dynamic metadata, the namespace first; undefined: none is looked at. */
  readonly metadata: readonly string[] | undefined;
  readonly portOverride: number | undefined;
}

/** Envoy's filter state of an address that filters want. */
const FILTER_STATE = 'envoy.network.transport_socket.original_dst_address';
const HEADER = 'x-envoy-original-dst-host';

interface WantedFields {
  readonly useHttpHeader: boolean;
  readonly httpHeaderName: string;
  readonly upstreamPortOverride?: number | undefined;
  readonly metadataKey?:
    | {
        readonly key: string;
        readonly path: readonly { readonly segment: { readonly case?: string | undefined; readonly value?: unknown } }[];
      }
    | undefined;
}

/** Reads the fields; `path` is what they stand in. */
export function readWanted(fields: WantedFields, path: string): WantedSettings {
  const { useHttpHeader, httpHeaderName, upstreamPortOverride: portOverride, metadataKey } = fields;
  if (portOverride !== undefined && portOverride > 65_535)
    throw new ConfigError(`${path}.upstream_port_override`, `${portOverride} is above 65535`);
  const segments = metadataKey?.path.map(({ segment }) => segment.value);
  if (segments?.some((segment) => typeof segment !== 'string') === true)
    throw new ConfigError(`${path}.metadata_key.path`, 'has a segment that is no key');
  return {
    header: useHttpHeader ? (httpHeaderName === '' ? HEADER : httpHeaderName.toLowerCase()) : undefined,
    metadata: metadataKey && [metadataKey.key, ...(segments ?? []).map(String)],
    portOverride,
  };
}

function metadataText(values: ReadonlyMap<string, unknown> | undefined, [namespace = '', ...path]: readonly string[]): string | undefined {
  let value: unknown = values?.get(namespace);
  for (const key of path) value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  return typeof value === 'string' ? value : undefined;
}

/** An IP address with its port; counts what is something else. */
function readIp(text: string, invalid: Counter): NetAddress | undefined {
  const address = parseAddress(text);
  if (address !== undefined && net.isIP(address.host) !== 0) return address;
  invalid.value++;
  return undefined;
}

/** The address; undefined where nothing names one. */
export function wantedAddress(
  settings: WantedSettings,
  { info, originalDestination }: PickContext,
  invalid: Counter,
): NetAddress | undefined {
  const state = info?.filterState?.get(FILTER_STATE);
  const metadata = settings.metadata && metadataText(info?.metadata, settings.metadata);
  const header = settings.header === undefined ? undefined : info?.request?.headers.get(settings.header);
  let wanted: NetAddress | undefined;
  for (const text of [state, metadata, header]) wanted ??= text === undefined ? undefined : readIp(text, invalid);
  wanted ??= originalDestination;
  if (wanted === undefined || settings.portOverride === undefined) return wanted;
  return { host: wanted.host, port: settings.portOverride };
}
