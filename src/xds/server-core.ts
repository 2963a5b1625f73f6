/**
 * One ADS stream as its server sees it, whatever the variant of the protocol: what to send next, and when.
 *
 * Order (Envoy, "Eventual consistency considerations", make before break):
 *
 *   clusters ─ack─▶ their endpoints asked for, sent ─ack─▶ listeners, routes ─ack─▶ removal of clusters, endpoints
 *
 * An update of a type waits while the client owes an answer for that type, and coalesces meanwhile: what is sent is
 * always the difference between the newest snapshot and what the client has. What a client asks for by name is
 * answered at once. A rejected listener or route keeps the clusters that the client's former ones still use.
 */
import { AwaitedNames } from './awaited-names.ts';
import { type Rank, Subscription, type TypeResources, type XdsResource } from './subscription.ts';
import { CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, pushOrder, resourceType, ROUTE_TYPE, sharedUrl, VIRTUAL_HOST_TYPE } from './types.ts';

/** Everything that one client may have: resources by type URL. */
export type Snapshot = ReadonlyMap<string, TypeResources>;

/** One response, before it is a message. */
export interface Push {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly version: string;
  readonly resources: readonly XdsResource[];
  readonly removed: readonly string[];
}

/** What differs between delta and state of the world. */
export interface Variant {
  /** True where clusters and listeners are always sent whole, and nothing else can be said to be removed. */
  readonly isStateOfTheWorld: boolean;
  /** The version of a response, after `subscription.sent` was brought up to date. */
  version(subscription: Subscription, generation: string): string;
}

/** What a request asks for. */
export interface Ask {
  readonly isFirst: boolean;
  /** Names to be answered even if the client has them. */
  readonly again: ReadonlySet<string>;
  /** The client waits for an answer although there may be nothing to say. */
  readonly isAnswerDue: boolean;
}

const DEPENDENTS: readonly string[] = [LISTENER_TYPE, ROUTE_TYPE, VIRTUAL_HOST_TYPE];
const PROVIDERS: readonly string[] = [CLUSTER_TYPE, ENDPOINT_TYPE];

function rankOf(typeUrl: string): Rank {
  if (PROVIDERS.includes(typeUrl)) return 'provider';
  return DEPENDENTS.includes(typeUrl) ? 'dependent' : 'other';
}

const NONE: ReadonlySet<string> = new Set();
const EMPTY: TypeResources = new Map();

/** The state of one stream. Requests and snapshots go in, `pushes` come out. */
export class ServerCore {
  readonly #variant: Variant;
  readonly #subscriptions = new Map<string, Subscription>();
  /** The same in push order. */
  #ordered: readonly Subscription[] = [];
  #snapshot: Snapshot;
  #generation: string;
  #nonce = 0;
  #pushes: Push[] = [];
  /** Clusters sent whose endpoints the client has not asked for yet. */
  readonly #awaited = new AwaitedNames();
  /** Endpoints to be sent again because their cluster changed: the client warms the cluster anew with them. */
  readonly #rewarm = new Set<string>();
  /** State of the world only: clusters out of the snapshot that stay in responses until routes have moved. */
  readonly #retained = new Map<string, XdsResource>();

  constructor(variant: Variant, snapshot: Snapshot, generation: string) {
    this.#variant = variant;
    this.#snapshot = snapshot;
    this.#generation = generation;
  }

  /** The state of a type, made on its first request. In push order. */
  subscription(typeUrl: string): Subscription {
    let subscription = this.#subscriptions.get(typeUrl);
    if (subscription === undefined) {
      const url = sharedUrl(typeUrl);
      subscription = new Subscription(url, rankOf(url));
      this.#subscriptions.set(url, subscription);
      this.#ordered = [...this.#subscriptions.values()].toSorted((a, b) => pushOrder(a.typeUrl) - pushOrder(b.typeUrl));
    }
    return subscription;
  }

  isKnown(typeUrl: string): boolean {
    return this.#subscriptions.has(typeUrl);
  }

  subscriptions(): readonly Subscription[] {
    return this.#ordered;
  }

  resources(typeUrl: string): TypeResources {
    return this.#snapshot.get(typeUrl) ?? EMPTY;
  }

  /** True while listeners and routes wait for clusters to be warm; ended by the client, or by `release`. */
  get isHolding(): boolean {
    return !this.#awaited.isEmpty;
  }

  /** True where the client has, and has answered, all there is for it. */
  get isSettled(): boolean {
    if (this.isHolding) return false;
    return this.#ordered.every((subscription) => {
      if (subscription.isOutstanding) return false;
      const resources = this.resources(subscription.typeUrl);
      return subscription.isFresh(resources) || subscription.changed(resources, NONE).length === 0;
    });
  }

  /** Ends the waiting for a client that never asks for the endpoints of its clusters. */
  release(): void {
    this.#awaited.clear();
    this.#advance();
  }

  update(snapshot: Snapshot, generation: string): void {
    if (this.#variant.isStateOfTheWorld) this.#retain(snapshot);
    this.#snapshot = snapshot;
    this.#generation = generation;
    this.#advance();
  }

  /** Answers a request whose names `subscription` already carries. */
  ask(subscription: Subscription, ask: Ask): void {
    subscription.reset();
    if (subscription.typeUrl === ENDPOINT_TYPE) this.#awaited.asked(subscription);
    const mayWait = ask.isFirst && subscription.sent.size > 0 && subscription.rank === 'dependent';
    // a client that comes back with clusters of the past answers first, then they go
    const hasPast = ask.isFirst && subscription.typeUrl === CLUSTER_TYPE && subscription.gone(this.resources(CLUSTER_TYPE)).length > 0;
    if (!mayWait) this.#send(subscription, ask.again, ask.isAnswerDue || hasPast, true);
    this.#advance();
  }

  /** Notes the client's answer; `error` undefined is ACK. False where it answers nothing that is open. */
  answer(subscription: Subscription, nonce: string, error: string | undefined): boolean {
    const isOpen = subscription.answer(nonce, error);
    if (isOpen && error !== undefined && subscription.typeUrl === CLUSTER_TYPE) this.#awaited.clear();
    if (isOpen) this.#advance();
    return isOpen;
  }

  /** Responses to be sent, in order; each is returned once. */
  drain(): Push[] {
    const pushes = this.#pushes;
    this.#pushes = [];
    return pushes;
  }

  #advance(): void {
    for (const subscription of this.#ordered) {
      const { typeUrl, rank } = subscription;
      const again = typeUrl === ENDPOINT_TYPE ? this.#rewarm : NONE;
      if (again.size === 0 && this.#isCurrent(subscription)) continue;
      if (subscription.isOutstanding) continue;
      if (rank === 'dependent' && this.#mustHold()) continue;
      this.#send(subscription, again, false, rank !== 'provider');
    }
    if (this.#hasLeftovers() && this.#mayBreak()) for (const subscription of this.#ordered) this.#removeProviders(subscription);
  }

  /** Nothing is to be said of the type: so it is with most types of most clients at most changes. */
  #isCurrent(subscription: Subscription): boolean {
    const resources = this.resources(subscription.typeUrl);
    return subscription.isFresh(resources) && (subscription.rank === 'provider' || subscription.isPruned(resources));
  }

  #hasLeftovers(): boolean {
    if (this.#retained.size > 0) return true;
    for (const subscription of this.#ordered)
      if (subscription.rank === 'provider' && !subscription.isPruned(this.resources(subscription.typeUrl))) return true;
    return false;
  }

  /** Listeners and routes wait for clusters that are on their way. */
  #mustHold(): boolean {
    return this.isHolding || this.#ordered.some(({ rank, isOutstanding }) => rank === 'provider' && isOutstanding);
  }

  /** Clusters may go when no listener or route that uses them is left with the client. */
  #mayBreak(): boolean {
    if (this.#mustHold()) return false;
    return this.#ordered.every(({ rank, isOutstanding, rejection }) => rank !== 'dependent' || (!isOutstanding && rejection === undefined));
  }

  #removeProviders(subscription: Subscription): void {
    const { typeUrl, rank } = subscription;
    if (rank !== 'provider') return;
    if (typeUrl === CLUSTER_TYPE) this.#retained.clear();
    const resources = this.resources(typeUrl);
    const gone = subscription.gone(resources);
    if (gone.length > 0) this.#push(subscription, [], gone);
    subscription.notePruned(resources);
  }

  #send(subscription: Subscription, again: ReadonlySet<string>, isAnswerDue: boolean, withRemovals: boolean): void {
    const resources = this.resources(subscription.typeUrl);
    const changed = subscription.changed(resources, again);
    const gone = withRemovals ? this.#removable(subscription, resources) : [];
    subscription.noteFresh(resources);
    // what providers have left over waits for routes that have moved
    if (withRemovals && subscription.rank !== 'provider') subscription.notePruned(resources);
    if (changed.length === 0 && gone.length === 0 && !isAnswerDue) return;
    if (subscription.typeUrl === CLUSTER_TYPE) this.#await(changed, resources);
    if (subscription.typeUrl === ENDPOINT_TYPE) for (const { name } of changed) this.#rewarm.delete(name);
    this.#push(subscription, changed, gone);
  }

  /** Of clusters and endpoints only what the client asked for and never had; the rest goes when routes have moved. */
  #removable(subscription: Subscription, resources: TypeResources): string[] {
    const gone = subscription.gone(resources);
    return subscription.rank === 'provider' ? gone.filter((name) => !subscription.sent.has(name)) : gone;
  }

  #await(clusters: readonly XdsResource[], all: TypeResources): void {
    const endpoints = this.resources(ENDPOINT_TYPE);
    const subscription = this.#subscriptions.get(ENDPOINT_TYPE);
    if (subscription === undefined && this.#awaited.isEmpty && clusters.length > 0 && clusters.length === all.size) {
      this.#awaited.begin(all, endpoints);
      return;
    }
    for (const { name } of clusters) {
      if (!endpoints.has(name)) continue;
      if (subscription?.wants(name) === true) this.#rewarm.add(name);
      else this.#awaited.add(name);
    }
  }

  #retain(next: Snapshot): void {
    const clusters = next.get(CLUSTER_TYPE) ?? EMPTY;
    const sent = this.#subscriptions.get(CLUSTER_TYPE)?.sent;
    for (const name of sent?.keys() ?? []) {
      const former = this.resources(CLUSTER_TYPE).get(name);
      if (!clusters.has(name) && former !== undefined) this.#retained.set(name, former);
    }
    for (const name of clusters.keys()) this.#retained.delete(name);
  }

  #push(subscription: Subscription, changed: readonly XdsResource[], gone: readonly string[]): void {
    const { typeUrl } = subscription;
    subscription.noteDelivered(changed, gone, this.resources(typeUrl));
    const isWhole = this.#variant.isStateOfTheWorld && resourceType(typeUrl)?.isWildcard === true;
    const resources = isWhole ? this.#whole(subscription) : changed;
    // state of the world has no word for a missing route or endpoint: silence says it
    if (this.#variant.isStateOfTheWorld && !isWhole && resources.length === 0) return;
    const version = this.#variant.version(subscription, this.#generation);
    this.#nonce += 1;
    const nonce = String(this.#nonce);
    const push: Push = { typeUrl, nonce, version, resources, removed: gone };
    subscription.noteSent(push, this.#variant.isStateOfTheWorld);
    this.#pushes.push(push);
  }

  #whole(subscription: Subscription): XdsResource[] {
    const all = [...this.resources(subscription.typeUrl).values()];
    if (subscription.typeUrl === CLUSTER_TYPE) all.push(...this.#retained.values());
    return all.filter(({ name }) => subscription.wants(name));
  }
}
