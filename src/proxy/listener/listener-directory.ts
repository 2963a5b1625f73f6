import { formatAddress, type NetAddress } from '../../net/address.ts';
import type { RuntimeListener } from './listener-scope.ts';

/** What a listener is found by. */
type Listed = Pick<RuntimeListener, 'name' | 'addresses' | 'isInternal'>;

/** Finds the listener of an address, as `use_original_dst` asks: the exact one, else the one of its port on any address; and internal ones by name. */
export class ListenerDirectory<Listener extends Listed = RuntimeListener> {
  readonly #byAddress = new Map<string, Listener>();
  readonly #internal = new Map<string, Listener>();

  /** Enters a listener under all its addresses, in place of whoever was there. */
  add(listener: Listener): void {
    for (const address of listener.addresses) this.#byAddress.set(formatAddress(address), listener);
    if (listener.isInternal) this.#internal.set(listener.name, listener);
  }

  /** Removes a listener from where it still stands. */
  remove(listener: Listener): void {
    for (const address of listener.addresses) {
      const key = formatAddress(address);
      if (this.#byAddress.get(key) === listener) this.#byAddress.delete(key);
    }
    if (this.#internal.get(listener.name) === listener) this.#internal.delete(listener.name);
  }

  /** The internal listener of a name. */
  findInternal(name: string): Listener | undefined {
    return this.#internal.get(name);
  }

  find(destination: NetAddress): Listener | undefined {
    const exact = this.#byAddress.get(formatAddress(destination));
    if (exact !== undefined) return exact;
    if (!destination.host.includes(':')) {
      const any = this.#byAddress.get(`0.0.0.0:${destination.port}`);
      if (any !== undefined) return any;
    }
    return this.#byAddress.get(`[::]:${destination.port}`);
  }
}
