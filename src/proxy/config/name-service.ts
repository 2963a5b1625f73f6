/** The names that the proxy answers for its application: a table by ADS (Istio's name discovery service), served as DNS. */
import type { Log } from '../../core/log.ts';
import { type DnsServer, startDnsServer } from '../../net/dns-server.ts';
import type { ResolveName } from '../../wire/dns/answer.ts';
import { createResolver } from '../../wire/dns/name-table.ts';
import type { AdsResource } from '../../xds/client.ts';
import { readNameTable } from './read-name-table.ts';
import type { DnsSettings } from './local-node.ts';

export interface NameService {
  /** Takes over a new table. Throws ConfigError. */
  receive(resources: readonly AdsResource[]): void;
  close(): Promise<void>;
}

/** Starts to answer on every address; before the first table every name is forwarded. `viewer` is the proxy's namespace. */
export async function startNameService(settings: DnsSettings, viewer: string, log: Log): Promise<NameService> {
  let resolve: ResolveName = () => undefined;
  const servers: DnsServer[] = [];
  for (const address of settings.addresses) {
    const { port, upstreams, searchDomains } = settings;
    servers.push(await startDnsServer({ address, port, upstreams, searchDomains, resolve: (name, type) => resolve(name, type), log }));
    log.info('names answered', { address, port });
  }
  return {
    receive(resources) {
      const [table] = resources;
      if (table === undefined) return;
      resolve = createResolver(readNameTable(table.any), viewer);
    },
    async close() {
      for (const server of servers) await server.close();
    },
  };
}
