/** How the proxy of a workload is started that no Workload describes: one of `tulle run`. */
import { proxySettingsFor } from '../../compile/dialects/build/workload-proxies.ts';
import { ProtocolError } from '../../core/errors.ts';
import type { ProxySettings } from '../../model/proxy-settings.ts';
import type { Exchange } from './exchange.ts';

function labelsOf(text: string): Record<string, string> {
  const parsed = parse(text);
  if (typeof parsed !== 'object' || parsed === null) throw new ProtocolError('labels', 400, 'labels is not a JSON object');
  return Object.fromEntries(Object.entries(parsed).map(([key, value]) => [key, String(value)]));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The settings of the proxy of a workload with the query's `namespace` and `labels` (a JSON object). */
export function viewProxySettings({ query, state }: Exchange): ProxySettings {
  const workload = { namespace: query.get('namespace') ?? 'default', labels: labelsOf(query.get('labels') ?? '{}') };
  return proxySettingsFor(state.pusher.state().mesh, workload);
}
