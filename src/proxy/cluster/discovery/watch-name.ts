import { messageOf } from '../../../core/errors.ts';
import { NameWatch, type WatchScope } from '../dns/name-watch.ts';
import type { Resolution } from '../dns/resolver.ts';
import type { DiscoveryScope } from './discovery.ts';
import type { DnsSettings } from './dns-settings.ts';

/** Watches one name of a cluster: by whom its configuration says is asked, with its statistics and log. */
export function watchName(
  name: string,
  settings: DnsSettings,
  scope: DiscoveryScope,
  told: { onAnswer(answer: Resolution): void; onFailure(): void },
): NameWatch {
  const count = (stat: string): void => void scope.stats.counter(stat).value++;
  let isFailing = false;
  const watch: WatchScope = {
    resolver: settings.resolver ?? scope.resolver,
    random: scope.random,
    onAsk: () => count('update_attempt'),
    onAnswer(answer) {
      isFailing = false;
      count(settings.isLogical && answer.addresses.length === 0 ? 'update_failure' : 'update_success');
      told.onAnswer(answer);
    },
    onFailure(error) {
      count('update_failure');
      if (!isFailing)
        scope.log.warn('a name of a cluster cannot be resolved', { cluster: scope.clusterName, name, error: messageOf(error) });
      isFailing = true;
      told.onFailure();
    },
  };
  return new NameWatch(name, settings.refresh, watch);
}
