/** What one client has asked for of one type, has been sent, and has said to it. No order, no messages. */
import { differenceOf } from './difference.ts';

/** A resource ready to be sent. */
export interface XdsResource {
  readonly name: string;
  /** Changes exactly when `bytes` changes. */
  readonly version: string;
  /** The encoded message: the value of its Any. */
  readonly bytes: Uint8Array;
}

/** Resources of one type by name. */
export type TypeResources = ReadonlyMap<string, XdsResource>;

export interface Rejection {
  readonly message: string;
  /** Names in the response that was rejected. */
  readonly resources: readonly string[];
}

interface Outstanding {
  readonly nonce: string;
  readonly version: string;
  readonly resources: readonly string[];
}

/** State of one type on one stream. */
export class Subscription {
  readonly typeUrl: string;
  isWildcard = false;
  readonly names = new Set<string>();
  /** Version of each resource that the client has, as far as we sent it or it said so. */
  readonly sent = new Map<string, string>();
  /** Names the client was told do not exist. */
  readonly absent = new Set<string>();
  sentVersion = '';
  lastNonce = '';
  ackedVersion = '';
  rejection: Rejection | undefined;
  /** Counts for reports. */
  rejectionsTotal = 0;
  #outstanding: Outstanding[] = [];
  /** The set of which the client was sent all that it wants; undefined where it may lack anything. */
  #fresh: TypeResources | undefined;
  /** The set beside which the client has nothing left over; undefined where it may have anything. */
  #pruned: TypeResources | undefined;
  /** Names sent since that it does not hold. */
  readonly #unpruned = new Set<string>();

  constructor(typeUrl: string) {
    this.typeUrl = typeUrl;
  }

  wants(name: string): boolean {
    return this.isWildcard || this.names.has(name);
  }

  /** True while the client owes an answer. */
  get isOutstanding(): boolean {
    return this.#outstanding.length > 0;
  }

  /** Notes a response; one that is `isReplacing` (state of the world) makes answers to those before it stale. */
  noteSent(nonce: string, version: string, resources: readonly string[], isReplacing: boolean): void {
    if (isReplacing) this.#outstanding = [];
    this.#outstanding.push({ nonce, version, resources });
    this.sentVersion = version;
    this.lastNonce = nonce;
  }

  /**
   * The client's answer to the response `nonce`; `error` is its reason for rejecting. False where no such response is
   * open: the answer is to one that was replaced since, or that we never sent.
   */
  answer(nonce: string, error: string | undefined): boolean {
    const at = this.#outstanding.findIndex((open) => open.nonce === nonce);
    const open = this.#outstanding[at];
    if (open === undefined) return false;
    this.#outstanding.splice(at, 1);
    if (error === undefined) {
      this.ackedVersion = open.version;
      this.rejection = undefined;
    } else {
      this.rejection = { message: error, resources: open.resources };
      this.rejectionsTotal += 1;
    }
    return true;
  }

  /** What is asked for, or was had, became something else: nothing is taken for granted. */
  reset(): void {
    this.#fresh = undefined;
    this.#pruned = undefined;
    this.#unpruned.clear();
  }

  /** The client was sent whatever `changed` gave for these resources. */
  noteFresh(resources: TypeResources): void {
    this.#fresh = resources;
  }

  /** The client was told whatever `gone` gave for these resources. */
  notePruned(resources: TypeResources): void {
    this.#pruned = resources;
    this.#unpruned.clear();
  }

  /**
   * Resources that the client wants and does not have in this version, by name; `again` are sent regardless. Takes time
   * by what changed since `noteFresh`, not by what there is.
   */
  changed(resources: TypeResources, again: ReadonlySet<string>): XdsResource[] {
    const lacks = (resource: XdsResource): boolean => again.has(resource.name) || this.sent.get(resource.name) !== resource.version;
    if (this.#fresh === undefined) return this.#wanted(resources).filter(lacks);
    if (this.#fresh === resources && again.size === 0) return [];
    const candidates = differenceOf(this.#fresh, resources).changed.filter(({ name }) => this.wants(name) && !again.has(name));
    const repeated = [...again].flatMap((name) => (this.wants(name) ? (resources.get(name) ?? []) : []));
    return [...candidates.filter(lacks), ...repeated];
  }

  #wanted(resources: TypeResources): XdsResource[] {
    if (this.isWildcard) return [...resources.values()];
    return [...this.names].flatMap((name) => resources.get(name) ?? []);
  }

  /** Names the client has, or asked for and was not told about, that do not exist. Takes time as `changed` does. */
  gone(resources: TypeResources): string[] {
    const isMissed = (name: string): boolean => this.names.has(name) && !this.absent.has(name);
    if (this.#pruned !== undefined) {
      const left = differenceOf(this.#pruned, resources).removed.filter((name) => this.sent.has(name) || isMissed(name));
      const later = [...this.#unpruned].filter((name) => this.sent.has(name) && !resources.has(name));
      return [...left, ...later];
    }
    const gone: string[] = [];
    for (const name of this.sent.keys()) if (!resources.has(name)) gone.push(name);
    for (const name of this.names) if (!resources.has(name) && !this.sent.has(name) && isMissed(name)) gone.push(name);
    return gone;
  }

  noteDelivered(resources: readonly XdsResource[], removed: readonly string[]): void {
    for (const { name, version } of resources) {
      this.sent.set(name, version);
      this.absent.delete(name);
      if (this.#pruned?.has(name) === false) this.#unpruned.add(name);
    }
    for (const name of removed) {
      this.sent.delete(name);
      if (this.names.has(name)) this.absent.add(name);
    }
  }

  forget(name: string): void {
    this.names.delete(name);
    this.sent.delete(name);
    this.absent.delete(name);
  }
}
