import type { NameWatch } from '../dns/name-watch.ts';
import type { Assignment, Endpoint } from '../endpoints.ts';
import type { Discovery, DiscoveryScope } from './discovery.ts';
import type { DnsSettings } from './dns-settings.ts';
import { watchName } from './watch-name.ts';

/** STRICT_DNS: a host for each address of each name. */
export class StrictNames implements Discovery {
  readonly #settings: DnsSettings;
  readonly #assignment: Assignment;
  readonly #scope: DiscoveryScope;
  readonly #addresses = new Map<string, readonly string[]>();
  #watches: readonly NameWatch[] = [];
  /** Names that have had neither an answer nor a failure. */
  #open = new Set<string>();

  constructor(settings: DnsSettings, assignment: Assignment, scope: DiscoveryScope) {
    this.#settings = settings;
    this.#assignment = assignment;
    this.#scope = scope;
  }

  start(): void {
    const names = new Set(this.#assignment.endpoints.map(({ address }) => address.host));
    this.#open = new Set(names);
    if (names.size === 0) this.#scope.assign(this.#assignment);
    this.#watches = [...names].map((name) =>
      watchName(name, this.#settings, this.#scope, {
        onAnswer: ({ addresses }) => {
          this.#addresses.set(name, addresses);
          this.#heard(name);
        },
        onFailure: () => this.#heard(name),
      }),
    );
  }

  #heard(name: string): void {
    this.#open.delete(name);
    // hosts of one name alone would take the traffic of all
    if (this.#open.size === 0)
      this.#scope.assign({ ...this.#assignment, endpoints: this.#assignment.endpoints.flatMap((each) => this.#resolved(each)) });
  }

  #resolved(endpoint: Endpoint): Endpoint[] {
    const addresses = this.#addresses.get(endpoint.address.host) ?? [];
    const hostname = endpoint.hostname === '' ? endpoint.address.host : endpoint.hostname;
    return addresses.map((host) => ({ ...endpoint, hostname, address: { host, port: endpoint.address.port } }));
  }

  close(): void {
    for (const watch of this.#watches) watch.close();
  }
}
