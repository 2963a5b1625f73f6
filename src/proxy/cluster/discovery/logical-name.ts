import type { NetAddress } from '../../../net/address.ts';
import type { NameWatch } from '../dns/name-watch.ts';
import type { Assignment, Endpoint } from '../endpoints.ts';
import type { Discovery, DiscoveryScope } from './discovery.ts';
import type { DnsSettings } from './dns-settings.ts';
import { watchName } from './watch-name.ts';

/**
 * LOGICAL_DNS: one host with all addresses of one name, the first being its own. Where that changes, the host is another
 * one, and connections to the former are left. An answer without addresses changes nothing.
 */
export class LogicalName implements Discovery {
  readonly #settings: DnsSettings;
  readonly #assignment: Assignment;
  readonly #endpoint: Endpoint;
  readonly #scope: DiscoveryScope;
  #watch: NameWatch | undefined;

  constructor(settings: DnsSettings, assignment: Assignment, endpoint: Endpoint, scope: DiscoveryScope) {
    this.#settings = settings;
    this.#assignment = assignment;
    this.#endpoint = endpoint;
    this.#scope = scope;
  }

  start(): void {
    this.#watch = watchName(this.#endpoint.address.host, this.#settings, this.#scope, {
      onAnswer: ({ addresses }) => this.#answered(addresses.map((host) => ({ host, port: this.#endpoint.address.port }))),
      onFailure: () => this.#unanswered(),
    });
  }

  #answered(addresses: readonly NetAddress[]): void {
    const [address, ...additional] = addresses;
    if (address === undefined) return this.#unanswered();
    const hostname = this.#endpoint.hostname === '' ? this.#endpoint.address.host : this.#endpoint.hostname;
    this.#scope.assign({ ...this.#assignment, endpoints: [{ ...this.#endpoint, hostname, address, additional }] });
  }

  /** What was known before stays; without that the cluster begins without a host. */
  #unanswered(): void {
    if (this.#scope.hosts().length === 0) this.#scope.assign({ ...this.#assignment, endpoints: [] });
  }

  close(): void {
    this.#watch?.close();
  }
}
