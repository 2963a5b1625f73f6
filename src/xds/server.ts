/**
 * Both variants of aggregated xDS as pure state machines for one stream each: feed requests and snapshots, get
 * responses. https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol
 */
import { create } from '@bufbuild/protobuf';
import {
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
  type DiscoveryRequest,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from './gen/envoy/service/discovery/v3/discovery_pb.ts';
import { setVersion } from './content-version.ts';
import { deltaBytes } from './delta-bytes.ts';
import { type Push, ServerCore, type Snapshot, type Variant } from './server-core.ts';
import type { Rejection, Subscription, TypeResources, XdsResource } from './subscription.ts';
import { resourceType } from './types.ts';

/** What a client has of one type. */
export interface TypeStatus {
  readonly typeUrl: string;
  readonly sentVersion: string;
  readonly ackedVersion: string;
  readonly isOutstanding: boolean;
  readonly resources: number;
  /** The last answer, where it was a rejection. */
  readonly rejection: Rejection | undefined;
  readonly rejectionsTotal: number;
}

/** What became of a request, for logs and metrics. */
export type Received = 'ask' | 'ack' | 'stale' | { readonly rejected: Rejection };

/** One stream. `Request` and `Response` are the messages of its variant. */
export interface ServerSession<Request, Response> {
  receive(request: Request): Received;
  /** Replaces what the client may have; `generation` names the snapshot. */
  update(snapshot: Snapshot, generation: string): void;
  /** Responses to send now, in order. */
  drain(): Response[];
  /** True while routes wait for clusters to get warm; call `release` when that takes too long (1 s). */
  readonly isHolding: boolean;
  release(): void;
  /** True where the client has answered for all that there is. */
  readonly isSettled: boolean;
  /** True where the client asked for `name`, or for everything. */
  wants(typeUrl: string, name: string): boolean;
  /** Names that the client asked for. */
  asked(typeUrl: string): readonly string[];
  status(): TypeStatus[];
}

function statusOf(subscription: Subscription): TypeStatus {
  const { typeUrl, sentVersion, ackedVersion, isOutstanding, rejection, rejectionsTotal, sent } = subscription;
  return { typeUrl, sentVersion, ackedVersion, isOutstanding, resources: sent.size, rejection, rejectionsTotal };
}

function sessionOf<Request, Response>(
  core: ServerCore,
  receive: (request: Request) => Received,
  encode: (push: Push, all: TypeResources) => Response,
): ServerSession<Request, Response> {
  return {
    receive,
    update: (snapshot, generation) => core.update(snapshot, generation),
    drain: () => core.drain().map((push) => encode(push, core.resources(push.typeUrl))),
    get isHolding() {
      return core.isHolding;
    },
    release: () => core.release(),
    get isSettled() {
      return core.isSettled;
    },
    wants: (typeUrl, name) => core.isKnown(typeUrl) && core.subscription(typeUrl).wants(name),
    asked: (typeUrl) => (core.isKnown(typeUrl) ? [...core.subscription(typeUrl).names.keys()] : []),
    status: () => core.subscriptions().map(statusOf),
  };
}

/** Notes what a request says about a former response. */
function receiveAnswer(core: ServerCore, subscription: Subscription, nonce: string, error: string | undefined): Received {
  if (!core.answer(subscription, nonce, error)) return 'stale';
  return subscription.rejection === undefined ? 'ack' : { rejected: subscription.rejection };
}

const NO_NAMES: ReadonlySet<string> = new Set();

// --- delta

const delta: Variant = { isStateOfTheWorld: false, version: (_, generation) => generation };

function isWildcardRequest(request: DeltaDiscoveryRequest): boolean {
  const isSilent = request.resourceNamesSubscribe.length === 0;
  return isSilent && resourceType(request.typeUrl)?.isWildcard !== false;
}

function startDelta(subscription: Subscription, request: DeltaDiscoveryRequest): void {
  if (isWildcardRequest(request)) subscription.isWildcard = true;
  for (const [name, version] of Object.entries(request.initialResourceVersions)) subscription.sent.set(name, version);
}

/** Takes the names of a request over; returns those that must be answered even if the client has them. */
function applyDeltaNames(
  subscription: Subscription,
  request: DeltaDiscoveryRequest,
  isFirst: boolean,
  resources: TypeResources,
): Set<string> {
  const again = new Set<string>();
  const { resourceNamesSubscribe: subscribed, resourceNamesUnsubscribe: unsubscribed } = request;
  if (isFirst && unsubscribed.length === 0 && !subscribed.includes('*') && subscription.askFirst(subscribed)) return again;
  for (const name of unsubscribed) {
    if (name === '*') subscription.isWildcard = false;
    else if (subscription.isWildcard) {
      // the wildcard may still cover it: the client must learn whether the resource is its own
      subscription.names.delete(name);
      subscription.absent.delete(name);
      again.add(name);
    } else subscription.forget(name);
  }
  for (const asked of subscribed) {
    // thousands of clients ask for the same names: one string is kept for all
    const name = resources.get(asked)?.name ?? asked;
    if (name === '*') subscription.isWildcard = true;
    else {
      subscription.names.set(name, true);
      subscription.absent.delete(name);
      if (!isFirst) again.add(name);
    }
  }
  return again;
}

function receiveDelta(core: ServerCore, request: DeltaDiscoveryRequest): Received {
  const isFirst = !core.isKnown(request.typeUrl);
  const subscription = core.subscription(request.typeUrl);
  let received: Received = 'ask';
  if (isFirst) startDelta(subscription, request);
  else if (request.responseNonce !== '') {
    received = receiveAnswer(core, subscription, request.responseNonce, request.errorDetail?.message);
  }
  const isAsking = isFirst || request.resourceNamesSubscribe.length > 0 || request.resourceNamesUnsubscribe.length > 0;
  if (!isAsking) return received;
  const wasWildcard = subscription.isWildcard && !isFirst;
  const again = applyDeltaNames(subscription, request, isFirst, core.resources(request.typeUrl));
  // a client that knows nothing waits for the first answer, even an empty one
  const isAnswerDue = subscription.isWildcard && !wasWildcard && subscription.sent.size === 0;
  core.ask(subscription, { isFirst, again, isAnswerDue });
  return received;
}

function encodeDelta(push: Push): DeltaDiscoveryResponse {
  const { typeUrl } = push;
  return create(DeltaDiscoveryResponseSchema, {
    systemVersionInfo: push.version,
    typeUrl,
    nonce: push.nonce,
    resources: push.resources.map(({ name, version, bytes }) => ({ name, version, resource: { typeUrl, value: bytes } })),
    removedResources: [...push.removed],
  });
}

/** A stream of DeltaAggregatedResources. */
export function createDeltaSession(snapshot: Snapshot, generation: string): ServerSession<DeltaDiscoveryRequest, DeltaDiscoveryResponse> {
  const core = new ServerCore(delta, snapshot, generation);
  return sessionOf(core, (request: DeltaDiscoveryRequest) => receiveDelta(core, request), encodeDelta);
}

/** A response to be sent as it is: the message that the parts make up. */
export interface EncodedResponse {
  readonly typeUrl: string;
  readonly parts: readonly Uint8Array[];
}

/** As {@link createDeltaSession}, with responses as bytes that streams share. */
export function createDeltaByteSession(snapshot: Snapshot, generation: string): ServerSession<DeltaDiscoveryRequest, EncodedResponse> {
  const core = new ServerCore(delta, snapshot, generation);
  const receive = (request: DeltaDiscoveryRequest): Received => receiveDelta(core, request);
  return sessionOf(core, receive, (push, all) => ({ typeUrl: push.typeUrl, parts: deltaBytes(push, all) }));
}

// --- state of the world

const stateOfTheWorld: Variant = {
  isStateOfTheWorld: true,
  version: (subscription) => versionOf(subscription.sent),
};

function versionOf(sent: Iterable<readonly [name: string, version: string]>): string {
  return setVersion([...sent].map(([name, version]) => ({ name, version })));
}

/** The whole list of names replaces the former one. Returns whether it asks for anything new. */
function applyNames(subscription: Subscription, request: DiscoveryRequest, isFirst: boolean): boolean {
  const names = new Set(request.resourceNames);
  const canBeWildcard = resourceType(request.typeUrl)?.isWildcard === true;
  // naming nothing means everything, unless names were given before
  const isWildcard = names.delete('*') || (canBeWildcard && names.size === 0 && (isFirst || subscription.isWildcard));
  let isNew = isWildcard && !subscription.isWildcard;
  subscription.isWildcard = isWildcard;
  for (const name of subscription.names.keys()) if (!names.has(name)) subscription.forget(name);
  for (const name of names) {
    if (subscription.names.has(name)) continue;
    subscription.names.set(name, true);
    isNew = true;
  }
  return isNew;
}

/** A client that comes back with the version that it would get anyway has everything already. */
function resume(core: ServerCore, subscription: Subscription, version: string): boolean {
  if (version === '') return false;
  const wanted: XdsResource[] = [...core.resources(subscription.typeUrl).values()].filter(({ name }) => subscription.wants(name));
  if (setVersion(wanted) !== version) return false;
  subscription.noteDelivered(wanted, [], core.resources(subscription.typeUrl));
  subscription.sentVersion = version;
  subscription.ackedVersion = version;
  return true;
}

function receiveStateOfTheWorld(core: ServerCore, request: DiscoveryRequest): Received {
  const isFirst = !core.isKnown(request.typeUrl);
  const subscription = core.subscription(request.typeUrl);
  let received: Received = 'ask';
  if (!isFirst && request.responseNonce !== '') {
    // the client had not seen our last response: it will ask again when it has
    if (request.responseNonce !== subscription.lastNonce) return 'stale';
    if (subscription.isOutstanding) {
      received = receiveAnswer(core, subscription, request.responseNonce, request.errorDetail?.message);
    }
  }
  const isNew = applyNames(subscription, request, isFirst);
  if (isFirst && resume(core, subscription, request.versionInfo)) return received;
  if (isFirst || isNew) core.ask(subscription, { isFirst, again: NO_NAMES, isAnswerDue: subscription.isWildcard });
  return received;
}

function encodeStateOfTheWorld(push: Push): DiscoveryResponse {
  const { typeUrl } = push;
  return create(DiscoveryResponseSchema, {
    versionInfo: push.version,
    typeUrl,
    nonce: push.nonce,
    resources: push.resources.map(({ bytes }) => ({ typeUrl, value: bytes })),
  });
}

/** A stream of StreamAggregatedResources. */
export function createSotwSession(snapshot: Snapshot, generation: string): ServerSession<DiscoveryRequest, DiscoveryResponse> {
  const core = new ServerCore(stateOfTheWorld, snapshot, generation);
  return sessionOf(core, (request: DiscoveryRequest) => receiveStateOfTheWorld(core, request), encodeStateOfTheWorld);
}
