/**
 * The client's side of aggregated xDS as a pure state machine, in both variants behind one interface: subscribe, feed
 * responses, send what `drain` returns. It outlives its streams: `connected` begins a new one and says what is
 * already known. https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol
 */
import { create } from '@bufbuild/protobuf';
import { ConfigError } from '../core/errors.ts';
import { contentVersion } from './content-version.ts';
import type { Node } from './gen/envoy/config/core/v3/base_pb.ts';
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  type DiscoveryRequest,
  DiscoveryRequestSchema,
  type DiscoveryResponse,
} from './gen/envoy/service/discovery/v3/discovery_pb.ts';
import { resourceName } from './resource-name.ts';
import { HEALTH_TYPE, pushOrder, resourceType, VIRTUAL_HOST_TYPE } from './types.ts';

/** One resource as it came. */
export interface AdsResource {
  readonly name: string;
  /** Equal for equal content of one server. */
  readonly version: string;
  /** Names besides `name` that it was asked for by: of virtual hosts, whose own names a client cannot know. */
  readonly aliases?: readonly string[];
  /** Value of the Any. */
  readonly any: Uint8Array;
  readonly typeUrl: string;
}

export interface AdsHandler {
  /**
   * Takes all upserts and removals of one response. Throws ConfigError to reject the whole response; the server is
   * told the message. May subscribe and unsubscribe.
   */
  onResources(typeUrl: string, resources: readonly AdsResource[], removed: readonly string[]): void;
}

/** What both variants offer; `Request` and `Response` are the variant's messages. */
export interface AdsSession<Request, Response> {
  /** Asks for names, or for everything. Names asked for already are not asked for again. */
  subscribe(typeUrl: string, names: readonly string[] | '*'): void;
  /** Gives names up, or with `*` everything that was not asked for by name. */
  unsubscribe(typeUrl: string, names: readonly string[] | '*'): void;
  /** A new stream was opened: its first requests. */
  connected(): Request[];
  /** A response came. Throws only what the handler throws besides ConfigError. */
  received(response: Response): void;
  /** Requests queued since the last call. */
  drain(): Request[];
  /** Says whether the workload is healthy; said again on each new stream. */
  health(isHealthy: boolean, message?: string): void;
}

/** gRPC status INVALID_ARGUMENT: the code of a NACK. */
const INVALID_ARGUMENT = 3;
/** gRPC status UNAVAILABLE: the code of an unhealthy workload. */
const UNAVAILABLE = 14;

/** What is asked for and known of one type. */
interface Interest {
  readonly typeUrl: string;
  isWildcard: boolean;
  readonly names: Set<string>;
  /** Version of each accepted resource. */
  readonly known: Map<string, string>;
  /** State of the world: version and nonce of the last response, for the next request. */
  version: string;
  nonce: string;
}

interface Health {
  readonly isHealthy: boolean;
  readonly message: string;
}

function wants(interest: Interest, name: string): boolean {
  if (interest.isWildcard || interest.names.has(name)) return true;
  // who asks for a route table's virtual hosts gets all whose names begin with the table's
  return interest.typeUrl === VIRTUAL_HOST_TYPE && interest.names.has(name.slice(0, Math.max(0, name.lastIndexOf('/'))));
}

/** Everything that is wanted by name is there, so that the last version may be said to be held. */
function holdsAll({ isWildcard, names, known }: Interest): boolean {
  return isWildcard || (names.size > 0 && [...names].every((name) => known.has(name)));
}

function wantsOne(interest: Interest, name: string, aliases: readonly string[] = []): boolean {
  return wants(interest, name) || aliases.some((alias) => wants(interest, alias));
}

/** What a request for all of that names. A bare wildcard is said by naming nothing, which every server knows. */
function namesToSay({ typeUrl, names, isWildcard }: Interest): string[] {
  const isBare = names.size === 0 && resourceType(typeUrl)?.isWildcard === true;
  return [...(isWildcard && !isBare ? ['*'] : []), ...names];
}

/** Forgets what is no longer wanted. Gives the names that were, for the server to be told. */
function giveUp(interest: Interest, names: readonly string[] | '*'): readonly string[] {
  const { isWildcard, names: wanted, known } = interest;
  if (names === '*') {
    if (!isWildcard) return [];
    interest.isWildcard = false;
    for (const name of known.keys()) if (!wants(interest, name)) known.delete(name);
    return ['*'];
  }
  const removed = names.filter((name) => wanted.delete(name));
  if (!isWildcard) for (const name of removed) known.delete(name);
  return removed;
}

function statusOf(health: Health): { code: number; message: string } | undefined {
  return health.isHealthy ? undefined : { code: UNAVAILABLE, message: health.message };
}

/** Interests by type in push order: clusters are asked for before what refers to them. */
class Interests {
  readonly #byType = new Map<string, Interest>();

  get(typeUrl: string): Interest | undefined {
    return this.#byType.get(typeUrl);
  }

  ensure(typeUrl: string): Interest {
    let interest = this.#byType.get(typeUrl);
    if (interest === undefined) {
      interest = { typeUrl, isWildcard: false, names: new Set(), known: new Map(), version: '', nonce: '' };
      this.#byType.set(typeUrl, interest);
    }
    return interest;
  }

  all(): Iterable<Interest> {
    return this.#byType.values();
  }

  /** Types of which something is wanted. */
  active(): Interest[] {
    return [...this.#byType.values()]
      .filter((interest) => interest.isWildcard || interest.names.size > 0)
      .toSorted((a, b) => pushOrder(a.typeUrl) - pushOrder(b.typeUrl));
  }
}

/** Returns the handler's reason to reject, or undefined where it took the resources over. */
function deliver(
  handler: AdsHandler,
  typeUrl: string,
  resources: readonly AdsResource[],
  removed: readonly string[],
): { code: number; message: string } | undefined {
  try {
    handler.onResources(typeUrl, resources, removed);
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return { code: INVALID_ARGUMENT, message: error.message };
    throw error;
  }
}

/** Requests that wait to be sent. The node is said once a stream (Envoy: set_node_on_first_message_only). */
class Outbox<Request extends DeltaDiscoveryRequest | DiscoveryRequest> {
  readonly #node: Node;
  #queue: Request[] = [];
  #hasSaidNode = false;

  constructor(node: Node) {
    this.#node = node;
  }

  push(request: Request): void {
    this.#queue.push(request);
  }

  /** A new stream: what waited for the former one is void. */
  restart(): void {
    this.#queue = [];
    this.#hasSaidNode = false;
  }

  drain(): Request[] {
    const queue = this.#queue;
    this.#queue = [];
    const [first] = queue;
    if (first !== undefined && !this.#hasSaidNode) {
      first.node = this.#node;
      this.#hasSaidNode = true;
    }
    return queue;
  }
}

/** Delta xDS: only differences travel, in both directions, across reconnects too. */
export class AdsClient implements AdsSession<DeltaDiscoveryRequest, DeltaDiscoveryResponse> {
  readonly #handler: AdsHandler;
  readonly #interests = new Interests();
  #isConnected = false;
  #health: Health | undefined;
  readonly #outbox: Outbox<DeltaDiscoveryRequest>;
  /** Types whose first request went out on this stream. */
  readonly #started = new Set<string>();

  constructor(node: Node, handler: AdsHandler) {
    this.#outbox = new Outbox<DeltaDiscoveryRequest>(node);
    this.#handler = handler;
  }

  subscribe(typeUrl: string, names: readonly string[] | '*'): void {
    const interest = this.#interests.ensure(typeUrl);
    const added = names === '*' ? (interest.isWildcard ? [] : ['*']) : [...new Set(names)].filter((name) => !interest.names.has(name));
    if (names === '*') interest.isWildcard = true;
    else for (const name of added) interest.names.add(name);
    if (added.length === 0 || !this.#isConnected) return;
    if (this.#started.has(typeUrl)) this.#outbox.push(create(DeltaDiscoveryRequestSchema, { typeUrl, resourceNamesSubscribe: added }));
    else this.#outbox.push(this.#first(interest));
  }

  unsubscribe(typeUrl: string, names: readonly string[] | '*'): void {
    const interest = this.#interests.get(typeUrl);
    const removed = interest === undefined ? [] : giveUp(interest, names);
    if (removed.length === 0) return;
    if (this.#started.has(typeUrl))
      this.#outbox.push(create(DeltaDiscoveryRequestSchema, { typeUrl, resourceNamesUnsubscribe: [...removed] }));
  }

  connected(): DeltaDiscoveryRequest[] {
    this.#isConnected = true;
    this.#started.clear();
    this.#outbox.restart();
    // first, so that a workload which was ready is so without a gap
    if (this.#health !== undefined) this.#queueHealth(this.#health);
    for (const interest of this.#interests.active()) this.#outbox.push(this.#first(interest));
    return this.drain();
  }

  received(response: DeltaDiscoveryResponse): void {
    const { typeUrl, nonce } = response;
    const interest = this.#interests.get(typeUrl);
    const errorDetail = interest === undefined ? undefined : this.#take(interest, response);
    this.#outbox.push(create(DeltaDiscoveryRequestSchema, { typeUrl, responseNonce: nonce, ...(errorDetail && { errorDetail }) }));
  }

  drain(): DeltaDiscoveryRequest[] {
    return this.#outbox.drain();
  }

  health(isHealthy: boolean, message = ''): void {
    this.#health = { isHealthy, message };
    if (this.#isConnected) this.#queueHealth(this.#health);
  }

  #queueHealth(health: Health): void {
    const errorDetail = statusOf(health);
    this.#outbox.push(create(DeltaDiscoveryRequestSchema, { typeUrl: HEALTH_TYPE, ...(errorDetail && { errorDetail }) }));
  }

  /** The first request of a type on a stream. */
  #first(interest: Interest): DeltaDiscoveryRequest {
    this.#started.add(interest.typeUrl);
    return create(DeltaDiscoveryRequestSchema, {
      typeUrl: interest.typeUrl,
      resourceNamesSubscribe: namesToSay(interest),
      initialResourceVersions: Object.fromEntries(interest.known),
    });
  }

  #take(interest: Interest, response: DeltaDiscoveryResponse): { code: number; message: string } | undefined {
    const { typeUrl } = interest;
    const resources: AdsResource[] = [];
    const missing: string[] = [];
    for (const { name, version, resource, aliases } of response.resources) {
      const isWanted = wantsOne(interest, name, aliases);
      if (resource === undefined && isWanted) missing.push(name, ...aliases);
      if (resource === undefined || !isWanted) continue;
      if (resource.typeUrl !== typeUrl) {
        return { code: INVALID_ARGUMENT, message: `resource ${name} is a ${resource.typeUrl}, not a ${typeUrl}` };
      }
      resources.push({ name, version, any: resource.value, typeUrl, ...(aliases.length === 0 ? {} : { aliases }) });
    }
    const removed = [...response.removedResources, ...missing].filter((name) => interest.known.has(name) || interest.names.has(name));
    const rejection = deliver(this.#handler, typeUrl, resources, removed);
    if (rejection !== undefined) return rejection;
    for (const { name, version, aliases } of resources) if (wantsOne(interest, name, aliases)) interest.known.set(name, version);
    for (const name of removed) interest.known.delete(name);
    return undefined;
  }
}

/** State-of-the-world xDS, for servers that speak nothing else. */
export class SotwAdsClient implements AdsSession<DiscoveryRequest, DiscoveryResponse> {
  readonly #handler: AdsHandler;
  readonly #interests = new Interests();
  #isConnected = false;
  #health: Health | undefined;
  readonly #outbox: Outbox<DiscoveryRequest>;

  constructor(node: Node, handler: AdsHandler) {
    this.#outbox = new Outbox<DiscoveryRequest>(node);
    this.#handler = handler;
  }

  subscribe(typeUrl: string, names: readonly string[] | '*'): void {
    const interest = this.#interests.ensure(typeUrl);
    const before = interest.names.size;
    const isNew = names === '*' && !interest.isWildcard;
    if (names === '*') interest.isWildcard = true;
    else for (const name of names) interest.names.add(name);
    if (isNew || interest.names.size > before) this.#ask(interest);
  }

  unsubscribe(typeUrl: string, names: readonly string[] | '*'): void {
    const interest = this.#interests.get(typeUrl);
    if (interest === undefined || giveUp(interest, names).length === 0) return;
    // who asks for no names still asks for everything: what comes is left lying, and asked for anew when it is wanted again
    if (names === '*') interest.version = '';
    else this.#ask(interest);
  }

  connected(): DiscoveryRequest[] {
    this.#isConnected = true;
    this.#outbox.restart();
    // first, so that a workload which was ready is so without a gap
    if (this.#health !== undefined) this.#queueHealth(this.#health);
    // also those of which nothing is wanted now: they may be before this stream ends
    for (const interest of this.#interests.all()) {
      interest.nonce = '';
      if (!holdsAll(interest)) interest.version = '';
    }
    for (const interest of this.#interests.active()) this.#ask(interest);
    return this.drain();
  }

  received(response: DiscoveryResponse): void {
    const interest = this.#interests.get(response.typeUrl);
    if (interest === undefined) return;
    const errorDetail = this.#take(interest, response);
    interest.nonce = response.nonce;
    if (errorDetail === undefined) interest.version = response.versionInfo;
    this.#ask(interest, errorDetail);
  }

  drain(): DiscoveryRequest[] {
    return this.#outbox.drain();
  }

  health(isHealthy: boolean, message = ''): void {
    this.#health = { isHealthy, message };
    if (this.#isConnected) this.#queueHealth(this.#health);
  }

  #queueHealth(health: Health): void {
    const errorDetail = statusOf(health);
    this.#outbox.push(create(DiscoveryRequestSchema, { typeUrl: HEALTH_TYPE, ...(errorDetail && { errorDetail }) }));
  }

  #ask(interest: Interest, errorDetail?: { code: number; message: string }): void {
    if (!this.#isConnected) return;
    const { typeUrl, version, nonce } = interest;
    const request = { typeUrl, versionInfo: version, responseNonce: nonce, resourceNames: namesToSay(interest) };
    this.#outbox.push(create(DiscoveryRequestSchema, { ...request, ...(errorDetail && { errorDetail }) }));
  }

  #take(interest: Interest, response: DiscoveryResponse): { code: number; message: string } | undefined {
    const { typeUrl } = interest;
    let resources: AdsResource[];
    try {
      resources = response.resources.map(({ value }) => ({
        name: resourceName(value),
        version: contentVersion(value),
        any: value,
        typeUrl,
      }));
    } catch (error) {
      if (error instanceof ConfigError) return { code: INVALID_ARGUMENT, message: error.message };
      throw error;
    }
    const wanted = resources.filter(({ name }) => wants(interest, name));
    const present = new Set(wanted.map(({ name }) => name));
    // only responses for listeners and clusters are whole
    const isWhole = resourceType(typeUrl)?.isWildcard === true;
    const removed = isWhole ? [...interest.known.keys()].filter((name) => !present.has(name)) : [];
    const changed = wanted.filter(({ name, version }) => !isWhole || interest.known.get(name) !== version);
    const rejection = deliver(this.#handler, typeUrl, changed, removed);
    if (rejection !== undefined) return rejection;
    for (const { name, version } of changed) interest.known.set(name, version);
    for (const name of removed) interest.known.delete(name);
    return undefined;
  }
}
