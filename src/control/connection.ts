/**
 * One proxy's ADS stream: its session, its secrets, its instance. The first request says who it is; from then on the
 * pusher gives snapshots, the session says what to send, and what it says goes out at once.
 */
import { ConnectError, Code } from '@connectrpc/connect';
import { assert } from '../core/assert.ts';
import { messageOf } from '../core/errors.ts';
import type { SpiffeId } from '../core/spiffe.ts';
import type { WorkloadInstance } from '../model/workload.ts';
import type { Node } from '../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { Received, ServerSession } from '../xds/server.ts';
import type { Snapshot } from '../xds/server-core.ts';
import type { TypeResources, XdsResource } from '../xds/subscription.ts';
import { HEALTH_TYPE, resourceType, SECRET_TYPE } from '../xds/types.ts';
import type { ProxyNode } from './compiler.ts';
import type { ControlState } from './control-state.ts';
import { checkNode } from './identity.ts';
import { instanceOf } from './instance.ts';
import { createProxySecrets, type ProxySecrets } from './proxy-secrets.ts';
import type { TokenSubject } from './ca/tokens.ts';
import type { Receiver } from './push.ts';

/** What a request of either variant has. */
export interface AnyRequest {
  readonly node?: Node | undefined;
  readonly typeUrl: string;
  readonly errorDetail?: { readonly message: string } | undefined;
}

/** How one variant of the protocol differs for a connection. */
export interface ConnectionVariant<Request extends AnyRequest, Response extends { readonly typeUrl: string }> {
  readonly name: 'delta' | 'sotw';
  createSession(snapshot: Snapshot, generation: string): ServerSession<Request, Response>;
  /** Names that a request asks for. */
  names(request: Request): readonly string[];
  /** True where the client shows that it has configuration from a former stream. */
  isResuming(request: Request): boolean;
}

const labels = new Map<string, { readonly type: string }>();

/** Labels of a type that the server sends. */
function labelsOf(typeUrl: string): { readonly type: string } {
  const known = labels.get(typeUrl) ?? { type: resourceType(typeUrl)?.name ?? typeUrl };
  labels.set(typeUrl, known);
  return known;
}

/** How long routes wait for a client to ask for its new clusters' endpoints. */
const HOLD_MS = 1000;

interface Opened<Request, Response> {
  readonly node: Node;
  readonly proxy: ProxyNode;
  readonly session: ServerSession<Request, Response>;
  readonly secrets: ProxySecrets;
  instance: Omit<WorkloadInstance, 'isReady'> | undefined;
}

/** A stream from its first request to its end. */
export class ProxyConnection<Request extends AnyRequest, Response extends { readonly typeUrl: string }> implements Receiver {
  readonly variant: ConnectionVariant<Request, Response>;
  readonly connectedAtMs: number;
  readonly #state: ControlState;
  readonly #subject: TokenSubject | undefined;
  readonly #send: (response: Response) => void;
  #opened: Opened<Request, Response> | undefined;
  #hold: NodeJS.Timeout | undefined;
  /** When the change was noticed that the client has not fully answered for. */
  #convergingSinceMs: number | undefined;

  constructor(
    variant: ConnectionVariant<Request, Response>,
    state: ControlState,
    subject: TokenSubject | undefined,
    send: (response: Response) => void,
  ) {
    this.variant = variant;
    this.#state = state;
    this.#subject = subject;
    this.#send = send;
    this.connectedAtMs = state.clock.wallMs();
  }

  get isOpen(): boolean {
    return this.#opened !== undefined;
  }

  get proxy(): ProxyNode {
    assert(this.#opened !== undefined, 'a connection has a proxy from its first request on');
    return this.#opened.proxy;
  }

  get isTrusted(): boolean {
    return this.#subject !== undefined;
  }

  get instance(): Omit<WorkloadInstance, 'isReady'> | undefined {
    return this.#opened?.instance;
  }

  /** The node as the client described itself. */
  get node(): Node | undefined {
    return this.#opened?.node;
  }

  status(): ReturnType<ServerSession<Request, Response>['status']> {
    return this.#opened?.session.status() ?? [];
  }

  /** What it asks for by name of a type. */
  asked(typeUrl: string): readonly string[] {
    return this.#opened?.session.asked(typeUrl) ?? [];
  }

  ownSecrets(): readonly XdsResource[] {
    return this.#opened?.secrets.resources() ?? [];
  }

  runtime(): TypeResources {
    const { flows, pusher } = this.#state;
    return flows.taps.runtimeOf(this.proxy, pusher.stateFor(this.proxy).mesh.settings.flows);
  }

  /** Handles one request. Throws ConnectError where the stream must be refused. */
  receive(request: Request): void {
    const opened = this.#opened ?? this.#open(request);
    if (request.typeUrl === HEALTH_TYPE) {
      this.#receiveHealth(opened, request);
      return;
    }
    if (request.typeUrl === SECRET_TYPE) this.#requestSecrets(opened, this.variant.names(request));
    this.#note(request, opened.session.receive(request));
    this.#flush(opened);
  }

  take(snapshot: Snapshot, generation: string, changedAtMs: number | undefined): void {
    const opened = this.#opened;
    if (opened === undefined) return;
    this.#convergingSinceMs ??= changedAtMs;
    opened.session.update(snapshot, generation);
    this.#flush(opened);
  }

  /** The stream ended; `isGoodbye` where the client ended it in order. */
  close(isGoodbye: boolean): void {
    clearTimeout(this.#hold);
    if (this.#opened === undefined) return;
    this.#opened.secrets.close();
    this.#state.pusher.remove(this);
    this.#state.connections.delete(this);
    if (this.#opened.instance !== undefined) this.#state.registry.leave(this.#opened.instance, this, isGoodbye);
    this.#state.log.info('proxy disconnected', { proxy: this.proxy.id, goodbye: isGoodbye });
  }

  #open(request: Request): Opened<Request, Response> {
    const { node } = request;
    if (node === undefined) throw new ConnectError('the first request of a stream must carry the node', Code.InvalidArgument);
    const state = this.#state;
    const opened = this.#describe(node);
    this.#opened = opened;
    state.connections.add(this);
    if (opened.instance !== undefined) this.#register(opened.instance, request);
    opened.session.update(...this.#firstSnapshot());
    state.log.info('proxy connected', { proxy: opened.proxy.id, variant: this.variant.name, trusted: this.isTrusted });
    return opened;
  }

  #register(instance: Omit<WorkloadInstance, 'isReady'>, request: Request): void {
    const saidReady = request.typeUrl === HEALTH_TYPE ? request.errorDetail === undefined : undefined;
    try {
      this.#state.registry.register(instance, this, this.variant.isResuming(request), saidReady);
    } catch (error) {
      throw new ConnectError(messageOf(error), Code.PermissionDenied);
    }
  }

  #firstSnapshot(): [Snapshot, string] {
    try {
      const { snapshot, generation } = this.#state.pusher.add(this);
      return [snapshot, generation];
    } catch (error) {
      this.#state.log.error('the configuration of a proxy cannot be compiled', { proxy: this.proxy.id, error: messageOf(error) });
      throw new ConnectError('the configuration cannot be compiled', Code.Internal);
    }
  }

  #describe(node: Node): Opened<Request, Response> {
    const { compiler, authority, clock, random } = this.#state;
    try {
      const said = compiler.proxyNodeOf(node);
      // the state of the world has no word for virtual hosts by name
      const proxy = this.variant.name === 'delta' ? said : { ...said, hasHostsOnDemand: false };
      checkNode(proxy, this.#subject);
      const instance = instanceOf(node, proxy);
      if (instance !== undefined && this.#subject === undefined) {
        throw new ConnectError('registering an instance needs a token', Code.Unauthenticated);
      }
      const secrets = createProxySecrets(authority, this.#identity(), () => this.#state.pusher.refresh(this), { clock, random });
      return { node, proxy, session: this.variant.createSession(new Map(), '0'), secrets, instance };
    } catch (error) {
      this.#state.log.warn('a proxy is refused', { node: node.id, error: messageOf(error) });
      throw error instanceof ConnectError ? error : new ConnectError(messageOf(error), Code.InvalidArgument);
    }
  }

  #identity(): SpiffeId | undefined {
    const { trustDomain } = this.#state.pusher.state().mesh.settings;
    return this.#subject && { trustDomain, namespace: this.#subject.namespace, serviceAccount: this.#subject.serviceAccount };
  }

  #receiveHealth(opened: Opened<Request, Response>, request: Request): void {
    if (opened.instance === undefined) return;
    const isReady = request.errorDetail === undefined;
    this.#state.log.info('health reported', { proxy: opened.proxy.id, ready: isReady, reason: request.errorDetail?.message });
    this.#state.registry.setReady(opened.instance, this, isReady);
  }

  #requestSecrets(opened: Opened<Request, Response>, names: readonly string[]): void {
    const before = opened.secrets.resources().length;
    opened.secrets.request(names);
    if (opened.secrets.resources().length !== before) this.#state.pusher.refresh(this);
  }

  #note(request: Request, received: Received): void {
    if (received === 'ack' || received === 'ask') return;
    const type = resourceType(request.typeUrl)?.name ?? request.typeUrl;
    const { stats, log } = this.#state;
    if (received === 'stale') stats.expiredNonces.add({ type });
    if (typeof received === 'object') {
      stats.rejections.add({ type });
      const { message, resources } = received.rejected;
      log.warn('a proxy rejects configuration; it keeps the former one', {
        proxy: this.proxy.id,
        type,
        reason: message,
        resources: resources.slice(0, 5).join(' '),
      });
    }
  }

  #flush(opened: Opened<Request, Response>): void {
    for (const response of opened.session.drain()) {
      this.#state.stats.pushes.add(labelsOf(response.typeUrl));
      this.#send(response);
    }
    if (opened.session.isSettled) this.#settle();
    if (!opened.session.isHolding) {
      clearTimeout(this.#hold);
      this.#hold = undefined;
    } else if (this.#hold === undefined) {
      this.#hold = setTimeout(() => {
        this.#hold = undefined;
        opened.session.release();
        this.#flush(opened);
      }, HOLD_MS);
    }
  }

  /** Nothing of the change concerned this proxy, or it has answered for all. */
  #settle(): void {
    if (this.#convergingSinceMs === undefined) return;
    this.#state.stats.convergence.observe((this.#state.clock.monotonicMs() - this.#convergingSinceMs) / 1000);
    this.#convergingSinceMs = undefined;
  }
}
