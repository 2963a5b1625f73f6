import type { AdsResource } from '../../xds/client.ts';
import { CLUSTER_TYPE } from '../../xds/types.ts';
import type { ConfigResource } from '../admin/view.ts';
import type { SecretValue } from '../config/secrets.ts';
import type { Subscriptions } from '../config/subscriptions.ts';
import type { ToWorker } from './protocol.ts';

export type Delivery = Extract<ToWorker, { readonly kind: 'resources' }>;

export interface SharedConfigurationOptions {
  /** The stream to the server. */
  readonly subscriptions: Subscriptions;
  /** What is known of resources, to leave out those that the main loop has refused. */
  readonly resources: () => Iterable<Pick<ConfigResource, 'typeUrl' | 'name' | 'version' | 'state'>>;
  /** Traffic of another loop needs a cluster: the main one is to want it too, or it would not know of it. */
  readonly useCluster: (name: string) => void;
  /** Tells every loop but the main one. */
  readonly broadcast: (message: ToWorker) => void;
  /** Gives one loop what came before it asked. */
  readonly deliver: (loop: number, message: Delivery) => void;
}

/** The loop that has the stream. */
const MAIN = 0;

/**
 * Configuration for several event loops from one stream: who asks for what, and what has come, so that a loop that begins
 * late gets it. Resources travel as they came; every loop reads them by itself.
 */
export class SharedConfiguration {
  readonly #options: SharedConfigurationOptions;
  /** The newest resources that the main loop obeys, by type and name. */
  readonly #latest = new Map<string, Map<string, AdsResource>>();
  /** Names that are asked for and that the server has nothing for, by type. */
  readonly #missing = new Map<string, Set<string>>();
  readonly #secrets = new Map<string, SecretValue>();
  /** Loops by what they ask for. */
  readonly #holders = new Map<string, Set<number>>();

  constructor(options: SharedConfigurationOptions) {
    this.#options = options;
  }

  /** A response of the server, which the main loop has taken over. */
  received(typeUrl: string, resources: readonly AdsResource[], removed: readonly string[]): void {
    const known = this.#latest.get(typeUrl) ?? new Map<string, AdsResource>();
    this.#latest.set(typeUrl, known);
    const refused = new Set<string>();
    for (const entry of this.#options.resources())
      if (entry.typeUrl === typeUrl && entry.state === 'refused') refused.add(`${entry.name} ${entry.version}`);
    // a copy: a view would take all of its response with it to every loop
    const obeyed = resources
      .filter(({ name, version }) => !refused.has(`${name} ${version}`))
      .map((resource) => ({ ...resource, any: new Uint8Array(resource.any) }));
    const missing = this.#missing.get(typeUrl) ?? new Set<string>();
    this.#missing.set(typeUrl, missing);
    for (const resource of obeyed) {
      known.set(resource.name, resource);
      missing.delete(resource.name);
    }
    for (const name of removed) {
      known.delete(name);
      if (this.#holders.has(keyOf(typeUrl, name))) missing.add(name);
    }
    this.#options.broadcast({ kind: 'resources', typeUrl, resources: obeyed, removed });
  }

  /** A secret of the proxy's own. */
  setSecret(name: string, value: SecretValue): void {
    this.#secrets.set(name, value);
    this.#options.broadcast({ kind: 'secret', name, value });
  }

  /** The proxy's own secrets, for a loop that begins. */
  secrets(): ToWorker[] {
    return [...this.#secrets].map(([name, value]) => ({ kind: 'secret', name, value }));
  }

  /** What a loop asks for goes to the server where no other loop has asked; what is known already goes to the loop. */
  subscriptionsOf(loop: number): Subscriptions {
    return {
      subscribe: (typeUrl, names) => this.#subscribe(loop, typeUrl, names),
      unsubscribe: (typeUrl, names) => {
        const left = listOf(names).filter((name) => this.#leave(loop, keyOf(typeUrl, name)));
        for (const name of left) this.#forget(typeUrl, name);
        if (left.length > 0) this.#options.subscriptions.unsubscribe(typeUrl, names === '*' ? '*' : left);
      },
    };
  }

  /** A loop has ended: another takes its place, and asks for the same. */
  loopEnded(loop: number): void {
    for (const holders of this.#holders.values()) holders.delete(loop);
  }

  /** Nobody asks for it any more. */
  #forget(typeUrl: string, name: string): void {
    this.#missing.get(typeUrl)?.delete(name);
    // it may be among all that the server sends
    if (!this.#holders.has(keyOf(typeUrl, '*'))) this.#latest.get(typeUrl)?.delete(name);
  }

  #subscribe(loop: number, typeUrl: string, names: readonly string[] | '*'): void {
    const { subscriptions, useCluster, deliver } = this.#options;
    const fresh = listOf(names).filter((name) => this.#hold(loop, keyOf(typeUrl, name)));
    if (fresh.length > 0) subscriptions.subscribe(typeUrl, names === '*' ? '*' : fresh);
    if (loop !== MAIN && typeUrl === CLUSTER_TYPE && names !== '*') names.forEach(useCluster);
    const known = this.#latest.get(typeUrl);
    if (known === undefined || fresh.length === listOf(names).length) return;
    const resources = names === '*' ? [...known.values()] : names.map((name) => find(known, name)).filter((found) => found !== undefined);
    const missing = this.#missing.get(typeUrl);
    const removed = listOf(names).filter((name) => missing?.has(name) === true);
    if (resources.length > 0 || removed.length > 0 || names === '*') deliver(loop, { kind: 'resources', typeUrl, resources, removed });
  }

  /** True where nobody held it. */
  #hold(loop: number, key: string): boolean {
    const holders = this.#holders.get(key) ?? new Set();
    this.#holders.set(key, holders);
    holders.add(loop);
    return holders.size === 1;
  }

  /** True where nobody holds it any more. */
  #leave(loop: number, key: string): boolean {
    const holders = this.#holders.get(key);
    if (holders?.delete(loop) !== true || holders.size > 0) return false;
    this.#holders.delete(key);
    return true;
  }
}

function listOf(names: readonly string[] | '*'): readonly string[] {
  return names === '*' ? ['*'] : names;
}

/** A resource by its name, or another that it was asked for by. */
function find(known: ReadonlyMap<string, AdsResource>, name: string): AdsResource | undefined {
  return known.get(name) ?? [...known.values()].find(({ aliases }) => aliases?.includes(name) === true);
}

function keyOf(typeUrl: string, name: string): string {
  return `${typeUrl} ${name}`;
}
