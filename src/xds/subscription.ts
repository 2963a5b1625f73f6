/** What one client has asked for of one type, has been sent, and has said to it. No order, no messages. */
import { differenceOf } from './difference.ts';
import { layersOf } from './layered.ts';
import { isLookedUp } from './looked-up.ts';
import { OverlaidMap } from './overlaid.ts';

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
  /** What the client said last. */
  readonly message: string;
  /** What it has not accepted since; where it named none of a response, all of it. */
  readonly resources: readonly string[];
}

interface Outstanding {
  readonly nonce: string;
  readonly version: string;
  readonly resources: readonly XdsResource[];
  readonly removed: readonly string[];
}

/** Fewer than these are not worth sharing between clients. */
const SHARED_MIN = 32;

const versions = new WeakMap<TypeResources, ReadonlyMap<string, string>>();

/** The version of each resource of a set, kept while the set lives. */
function versionsOf(resources: TypeResources): ReadonlyMap<string, string> {
  const known = versions.get(resources);
  if (known !== undefined) return known;
  const made = new Map([...resources].map(([name, { version }]) => [name, version]));
  versions.set(resources, made);
  return made;
}

const lists = new WeakMap<TypeResources, readonly XdsResource[]>();

/** All of a set, layer by layer. */
function listOf(resources: TypeResources): readonly XdsResource[] {
  const known = lists.get(resources);
  if (known !== undefined) return known;
  const layers = layersOf(resources);
  const made = layers.length > 1 ? layers.flatMap(listOf) : [...resources.values()];
  lists.set(resources, made);
  return made;
}

type Names = ReadonlyMap<string, true>;

/** Of names that clients ask for, what there is of a set, and which names are not in it. */
interface Asked {
  readonly there: readonly XdsResource[];
  readonly missing: readonly string[];
}

const asked = new WeakMap<Names, WeakMap<TypeResources, Asked>>();

/** What names stand for, found once for all clients that ask for the same of the same. */
function askedOf(names: Names, resources: TypeResources): Asked {
  const byResources = asked.get(names) ?? new WeakMap<TypeResources, Asked>();
  asked.set(names, byResources);
  const known = byResources.get(resources);
  if (known !== undefined) return known;
  const all = [...names.keys()];
  const made = { there: all.flatMap((name) => resources.get(name) ?? []), missing: all.filter((name) => !resources.has(name)) };
  byResources.set(resources, made);
  return made;
}

const listed = new WeakMap<readonly string[], Names>();

/** A list of names as keys, the same map for the same list. */
function namesOf(list: readonly string[]): Names {
  const known = listed.get(list);
  if (known !== undefined) return known;
  const made = new Map(list.map((name): [string, true] => [name, true]));
  listed.set(list, made);
  return made;
}

/** What a type is in the order of updates: routes that lead to clusters wait for them, clusters go when no route is left. */
export type Rank = 'provider' | 'dependent' | 'other';

/** State of one type on one stream. */
export class Subscription {
  readonly typeUrl: string;
  readonly rank: Rank;
  isWildcard = false;
  /** What it asked for by name. */
  readonly names = new OverlaidMap<true>();
  /** Version of each resource that the client has, as far as we sent it or it said so. */
  readonly sent = new OverlaidMap<string>();
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

  constructor(typeUrl: string, rank: Rank) {
    this.typeUrl = typeUrl;
    this.rank = rank;
  }

  wants(name: string): boolean {
    return this.isWildcard || this.names.has(name);
  }

  /** Takes the first names over that the client asks for. False where there are too few to be shared, or it has asked before. */
  askFirst(names: readonly string[]): boolean {
    if (names.length < SHARED_MIN || this.names.size > 0 || this.absent.size > 0) return false;
    this.names.adopt(namesOf(names));
    return true;
  }

  /** True while the client owes an answer. */
  get isOutstanding(): boolean {
    return this.#outstanding.length > 0;
  }

  /** Notes a response; one that is `isReplacing` (state of the world) makes answers to those before it stale. */
  noteSent(response: Outstanding, isReplacing: boolean): void {
    if (isReplacing) this.#outstanding = [];
    this.#outstanding.push(response);
    this.sentVersion = response.version;
    this.lastNonce = response.nonce;
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
    // a thousand answers to each change: most reject nothing, and never did
    if (error === undefined && this.rejection === undefined) {
      this.ackedVersion = open.version;
      return true;
    }
    const names = [...open.resources.map(({ name }) => name), ...open.removed];
    if (error === undefined) {
      this.ackedVersion = open.version;
      this.#accept(names);
    } else {
      // who takes what is good of a response names what is not
      const named = names.filter((name) => error.includes(name));
      const refused = new Set([...(this.rejection?.resources ?? []), ...(named.length > 0 ? named : names)]);
      this.rejection = { message: error, resources: [...refused] };
      this.rejectionsTotal += 1;
    }
    return true;
  }

  /** A rejection stands until what was rejected is accepted, or gone. */
  #accept(names: readonly string[]): void {
    if (this.rejection === undefined) return;
    const accepted = new Set(names);
    const { message, resources } = this.rejection;
    const left = resources.filter((name) => !accepted.has(name));
    this.rejection = left.length === 0 ? undefined : { message, resources: left };
  }

  /** What is asked for, or was had, became something else: nothing is taken for granted. */
  reset(): void {
    this.#fresh = undefined;
    this.#pruned = undefined;
    this.#unpruned.clear();
  }

  /** True where the client was sent all that it wants of these resources. */
  isFresh(resources: TypeResources): boolean {
    return this.#fresh === resources;
  }

  /** True where the client has nothing left over beside these resources. */
  isPruned(resources: TypeResources): boolean {
    return this.#pruned === resources && this.#unpruned.size === 0;
  }

  /** The client was sent whatever `changed` gave for these resources. */
  noteFresh(resources: TypeResources): void {
    this.#fresh = resources;
  }

  /** The client was told whatever `gone` gave for these resources. */
  notePruned(resources: TypeResources): void {
    // what cannot be listed is looked through by what the client asks for, each time
    if (isLookedUp(resources)) return;
    this.#pruned = resources;
    this.#unpruned.clear();
  }

  /**
   * Resources that the client wants and does not have in this version, by name; `again` are sent regardless. Takes time
   * by what changed since `noteFresh`, not by what there is.
   */
  changed(resources: TypeResources, again: ReadonlySet<string>): readonly XdsResource[] {
    const lacks = (resource: XdsResource): boolean => again.has(resource.name) || this.sent.get(resource.name) !== resource.version;
    if (this.#fresh === undefined) return this.sent.size === 0 ? this.#wanted(resources) : this.#wanted(resources).filter(lacks);
    if (this.#fresh === resources && again.size === 0) return [];
    if (isLookedUp(resources)) return this.#wanted(resources).filter(lacks);
    const { changed } = differenceOf(this.#fresh, resources);
    if (again.size === 0) return changed.filter((resource) => this.wants(resource.name) && lacks(resource));
    const candidates = changed.filter(({ name }) => this.wants(name) && !again.has(name));
    const repeated = [...again].flatMap((name) => (this.wants(name) ? (resources.get(name) ?? []) : []));
    return [...candidates.filter(lacks), ...repeated];
  }

  #wanted(resources: TypeResources): readonly XdsResource[] {
    if (this.isWildcard) return listOf(resources);
    const { base, isUntouched } = this.names;
    if (base !== undefined && isUntouched) return askedOf(base, resources).there;
    return [...this.names.keys()].flatMap((name) => resources.get(name) ?? []);
  }

  /** Names asked for that do not exist. */
  #missing(resources: TypeResources): readonly string[] {
    const { base, isUntouched } = this.names;
    if (base !== undefined && isUntouched) return askedOf(base, resources).missing;
    return [...this.names.keys()].filter((name) => !resources.has(name));
  }

  /** Names that the client has and that may not exist: all but those it took over from a layer of the set. */
  #doubtful(resources: TypeResources): Iterable<string> {
    const { base } = this.sent;
    const isOfSet = base !== undefined && layersOf(resources).some((layer) => versions.get(layer) === base);
    return isOfSet ? this.sent.ownKeys() : this.sent.keys();
  }

  /** Names the client has, or asked for and was not told about, that do not exist. Takes time as `changed` does. */
  gone(resources: TypeResources): string[] {
    const isMissed = (name: string): boolean => this.names.has(name) && !this.absent.has(name);
    if (this.isPruned(resources)) return [];
    if (this.#pruned !== undefined) {
      const left = differenceOf(this.#pruned, resources).removed.filter((name) => this.sent.has(name) || isMissed(name));
      const later = [...this.#unpruned].filter((name) => this.sent.has(name) && !resources.has(name));
      return [...left, ...later];
    }
    const gone: string[] = [];
    for (const name of this.#doubtful(resources)) if (!resources.has(name)) gone.push(name);
    for (const name of this.#missing(resources)) if (!this.sent.has(name) && isMissed(name)) gone.push(name);
    return gone;
  }

  /** Notes what was sent of the set `all`. */
  noteDelivered(resources: readonly XdsResource[], removed: readonly string[], all: TypeResources): void {
    const own = resources.length === all.size ? this.#adopt(all) : undefined;
    for (const { name, version } of own ?? resources) {
      this.sent.set(name, version);
      this.absent.delete(name);
      if (this.#pruned?.has(name) === false) this.#unpruned.add(name);
    }
    for (const name of removed) {
      this.sent.delete(name);
      if (this.names.has(name)) this.absent.add(name);
    }
  }

  /** Where the client has nothing yet and gets all: takes its largest layer over, and returns the rest. */
  #adopt(all: TypeResources): readonly XdsResource[] | undefined {
    if (this.sent.size > 0 || this.absent.size > 0 || this.#pruned !== undefined || all.size < SHARED_MIN) return undefined;
    const layers = layersOf(all);
    const largest = layers.reduce((most, layer) => (layer.size > most.size ? layer : most));
    this.sent.adopt(versionsOf(largest));
    return layers.flatMap((layer) => (layer === largest ? [] : [...layer.values()]));
  }

  forget(name: string): void {
    this.#accept([name]);
    this.names.delete(name);
    this.sent.delete(name);
    this.absent.delete(name);
  }
}
