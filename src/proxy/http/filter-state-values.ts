/**
 * Values of filter state from formats, as the filters `set_filter_state` (HTTP and network) have them. Envoy:
 * envoy.extensions.filters.common.set_filter_state.v3.FilterStateValue.
 *
 * Values are text, of which a factory says what they must be. `read_only` is deprecated in Envoy, and fixes nothing there.
 */
import net from 'node:net';
import { ConfigError } from '../../core/errors.ts';
import { parseAddress } from '../../net/address.ts';
import {
  type FilterStateValue,
  FilterStateValue_SharedWithUpstream as Shared,
} from '../../xds/gen/envoy/extensions/filters/common/set_filter_state/v3/value_pb.ts';
import { compileFormatString } from '../telemetry/format-string.ts';
import { setFilterState, type Sharing } from './shared-state.ts';
import type { StreamInfo } from './stream-info.ts';

/** Sets what `values` say, with `info` for their formats, in `target`: the stream's own info, or its connection. */
export type ApplyState = (info: StreamInfo, target: Pick<StreamInfo, 'filterState' | 'sharing'>) => void;

/** Where a connection that goes to an internal listener says that it came from and goes to. */
export const LOCAL_IP = 'envoy.filters.listener.original_dst.local_ip';
export const REMOTE_IP = 'envoy.filters.listener.original_dst.remote_ip';

function isSocketAddress(text: string): boolean {
  const address = parseAddress(text);
  return address !== undefined && net.isIP(address.host) !== 0;
}

/** Of each factory, which texts it makes a value of; others set nothing. */
const FACTORIES: ReadonlyMap<string, (text: string) => boolean> = new Map([
  ['envoy.string', () => true],
  // what a TCP proxy goes by
  ['envoy.tcp_proxy.cluster', () => true],
  ['envoy.tcp_proxy.per_connection_idle_timeout_ms', (text) => /^\d{1,12}$/.test(text)],
  [LOCAL_IP, isSocketAddress],
  [REMOTE_IP, isSocketAddress],
]);

const SHARING: Readonly<Record<number, Sharing | undefined>> = { [Shared.ONCE]: 'once', [Shared.TRANSITIVE]: 'transitive' };

function compileValue(value: FilterStateValue, path: string): ApplyState {
  const key = value.key.case === 'objectKey' ? value.key.value : '';
  if (key === '') throw new ConfigError(`${path}.object_key`, 'is missing');
  const factory = value.factoryKey === '' ? key : value.factoryKey;
  const takes = FACTORIES.get(factory);
  if (takes === undefined)
    throw new ConfigError(`${path}.factory_key`, `${factory} is not supported by Tulle; ${[...FACTORIES.keys()].join(', ')} are`);
  if (value.value.case !== 'formatString') throw new ConfigError(`${path}.format_string`, 'is missing');
  const format = compileFormatString(value.value.value, `${path}.format_string`, '');
  const sharing = SHARING[value.sharedWithUpstream];
  return (info, target) => {
    const text = format(info);
    if ((text === '' && value.skipIfEmpty) || !takes(text)) return;
    setFilterState(target, key, text, sharing);
  };
}

/** Prepares values in their order; `path` is the list's. Throws ConfigError for what Tulle does not have. */
export function compileStateValues(values: readonly FilterStateValue[], path: string): ApplyState {
  const settings = values.map((value, i) => compileValue(value, `${path}[${i}]`));
  return (info, target) => {
    for (const set of settings) set(info, target);
  };
}
