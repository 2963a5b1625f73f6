/**
 * Requests of the proxy's own, beside a client's: mirrors, external authorization, key sets, log entries. They go through a
 * cluster's balancer, pools and limits like any other, and their answers are read whole.
 */
import type { Clock } from '../../core/clock.ts';
import type { HeaderBlock } from '../../wire/http/headers.ts';
import type { IncomingResponse } from '../../wire/http/message.ts';
import { countAnswer, countTime, UNANSWERED } from '../cluster/answer-stats.ts';
import type { Cluster, ClusterManager, Host } from '../cluster/cluster.ts';
import { poolOf } from '../cluster/host-pools.ts';
import { serverNameIn } from '../cluster/server-name.ts';
import { type ClusterHttpStats, clusterHttpStats } from '../cluster/http-stats.ts';
import type { UpstreamStream } from '../cluster/http-upstream.ts';
import { timersOf } from '../timers.ts';
import { answerStats } from './answer-parts.ts';
import { Attempt, type AttemptOwner } from './attempt.ts';
import { outcomeOf, transportFailure } from './reset.ts';
import { UNCOUNTED } from './request-stats.ts';
import type { ResetReason } from './retry-decision.ts';

interface SideHead {
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly scheme: string;
  /** Without `content-length`, which is the body's. */
  readonly headers: HeaderBlock;
  /** How long the answer to a whole request may take, and a cluster that is not there yet. */
  readonly timeoutMs: number;
  /** Bytes of an answer's body beyond which it counts as failed; 0: the body is dropped. */
  readonly maxBodyBytes: number;
}

export interface SideRequest extends SideHead {
  readonly body: readonly Uint8Array[];
}

/** A request whose body is sent bit by bit. After its result nothing more is sent. */
export interface SideStream {
  /** Sends a piece of the body, which the request keeps while it waits for a connection. */
  send(piece: Uint8Array): void;
  /** The body is whole: from now on the answer is waited for. */
  end(): void;
}

export type SideResult =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: HeaderBlock;
      readonly body: Uint8Array;
      readonly trailers: HeaderBlock | undefined;
    }
  /** No answer: what happened, in the words of `reset.ts` (`no cluster`, `no healthy upstream`, `timeout`, `response too long` besides). */
  | { readonly kind: 'failure'; readonly reason: string };

/** What a side request needs of the proxy. */
export interface SideScope {
  readonly clusters: ClusterManager;
  readonly clock: Clock;
}

/** Sends a request to a cluster; `onResult` is called once, never during the call. The result cancels it. */
export type SendAside = (clusterName: string, request: SideRequest, scope: SideScope, onResult: (result: SideResult) => void) => () => void;

const NO_HASH = { hash: undefined, avoid: [], avoidAttempts: 1, originalDestination: undefined };

/** What there is of a request's body. */
interface Body {
  /** What waits for a connection. */
  pieces: readonly Uint8Array[];
  isWhole: boolean;
}

/** One request on its way, and what has come of its answer. */
class Aside implements AttemptOwner {
  readonly #request: SideHead;
  readonly #body: Body;
  readonly #host: Host;
  readonly #stats: ClusterHttpStats;
  readonly #scope: SideScope;
  readonly #onResult: (result: SideResult) => void;
  readonly #pieces: Buffer[] = [];
  #bytes = 0;
  #head: IncomingResponse | undefined = undefined;
  /** Where its answer is counted. */
  #answered = UNANSWERED;

  constructor(
    request: SideHead,
    body: Body,
    host: Host,
    stats: ClusterHttpStats,
    scope: SideScope,
    onResult: (result: SideResult) => void,
  ) {
    this.#request = request;
    this.#body = body;
    this.#host = host;
    this.#scope = scope;
    this.#stats = stats;
    this.#onResult = onResult;
  }

  onAttemptReady(attempt: Attempt, stream: UpstreamStream): void {
    attempt.sentMs = this.#scope.clock.monotonicMs();
    const { method, path, authority, scheme, headers } = this.#request;
    const { pieces, isWhole } = this.#body;
    const contentLength = isWhole ? pieces.reduce((sum, piece) => sum + piece.length, 0) : -1;
    if (contentLength > 0) headers.set('content-length', String(contentLength));
    stream.sendHead({ method, path, authority, scheme, headers, contentLength }, '', contentLength === 0, attempt);
    for (const piece of pieces) stream.sendData(piece);
    this.#body.pieces = [];
    if (isWhole) stream.sendEnd(undefined);
  }

  onAttemptInformational(): void {}

  onAttemptDrain(): void {}

  onAttemptHead(attempt: Attempt, head: IncomingResponse, isEnd: boolean): void {
    attempt.report({ kind: 'status', status: head.status });
    const answer = { isInternal: true, host: this.#host, head, ownZone: this.#scope.clusters.ownZone };
    this.#answered = answerStats(this.#stats, answer, UNCOUNTED);
    countAnswer(this.#answered, head.status);
    this.#head = head;
    if (isEnd) this.onAttemptEnd(attempt, undefined);
  }

  onAttemptData(attempt: Attempt, view: Uint8Array): void {
    const { maxBodyBytes } = this.#request;
    if (maxBodyBytes === 0) return;
    this.#bytes += view.length;
    if (this.#bytes > maxBodyBytes) this.#fail(attempt, 'response too long');
    else this.#pieces.push(Buffer.from(view));
  }

  onAttemptEnd(attempt: Attempt, trailers: HeaderBlock | undefined): void {
    if (this.#body.isWhole) attempt.end();
    else attempt.drop();
    if (this.#head === undefined) return;
    countTime(this.#answered, this.#scope.clock.monotonicMs() - attempt.sentMs);
    const { status, headers } = this.#head;
    this.#onResult({ kind: 'answer', status, headers, body: Buffer.concat(this.#pieces, this.#bytes), trailers });
  }

  onAttemptReset(attempt: Attempt, reason: ResetReason, detail: string): void {
    if (reason !== 'overflow') attempt.report(outcomeOf(reason));
    this.#fail(attempt, detail === '' || reason === 'overflow' ? reason : `${reason}: ${transportFailure(detail)}`);
  }

  onAttemptTimeout(attempt: Attempt): void {
    this.#stats.upstream_rq_timeout.value++;
    attempt.report({ kind: 'local-origin-failure', cause: 'timeout' });
    this.#fail(attempt, 'timeout');
  }

  onAttemptExpired(attempt: Attempt): void {
    this.onAttemptTimeout(attempt);
  }

  #fail(attempt: Attempt, reason: string): void {
    attempt.destroy();
    this.#onResult({ kind: 'failure', reason });
  }
}

/** Starts a request; gives it, or why there is none. */
function start(chosen: Cluster | undefined, request: SideHead, body: Body, scope: SideScope, onResult: (result: SideResult) => void) {
  const { clock } = scope;
  const host = chosen?.pick(NO_HASH);
  if (chosen === undefined) return 'no cluster';
  if (host === undefined) return 'no healthy upstream';
  const cluster = host.cluster ?? chosen;
  const stats = clusterHttpStats(cluster.stats);
  const aside = new Aside(request, body, host, stats, scope, onResult);
  const attempt = new Attempt(aside, request.method === 'HEAD', cluster.limits, host, stats, timersOf(clock), 0);
  if (body.isWhole) attempt.startTimeout(request.timeoutMs);
  attempt.limitDuration(cluster.http.maxStreamDurationMs);
  const sni = cluster.http.serverNameOf === undefined ? '' : serverNameIn(request.authority);
  attempt.begin(poolOf(cluster, host, clock, { protocol: 'HTTP/1.1', isTunnel: false, sni, limits: cluster.limits }));
  return attempt;
}

/** A proxy that asks for clusters as they are needed waits for the one that it has not yet, as it does for a client's request. */
function withCluster(clusters: ClusterManager, name: string, timeoutMs: number, go: (cluster: Cluster | undefined) => void): void {
  const known = clusters.get(name);
  const waitMs = clusters.onDemandMs ?? 0;
  if (known !== undefined || waitMs === 0) go(known);
  else clusters.request(name, timeoutMs === 0 ? waitMs : Math.min(timeoutMs, waitMs), go);
}

/** Begins a request with what there is of its body; `onResult` is called once, never during the call. */
function begin(
  clusterName: string,
  request: SideHead,
  body: Body,
  scope: SideScope,
  onResult: (result: SideResult) => void,
): SideStream & { readonly cancel: () => void } {
  let isStarting = true;
  let isOver = false;
  const tell = (result: SideResult): void => {
    if (isOver) return;
    isOver = true;
    onResult(result);
  };
  const late = (result: SideResult): void => {
    if (isStarting) queueMicrotask(() => tell(result));
    else tell(result);
  };
  let started: Attempt | undefined;
  withCluster(scope.clusters, clusterName, request.timeoutMs, (cluster) => {
    if (isOver) return;
    const begun = start(cluster, request, body, scope, late);
    if (typeof begun === 'string') late({ kind: 'failure', reason: begun });
    else started = begun;
  });
  isStarting = false;
  return {
    send(piece) {
      if (isOver) return;
      if (started?.stream === undefined) body.pieces = [...body.pieces, piece];
      else started.stream.sendData(piece);
    },
    end() {
      if (isOver) return;
      body.isWhole = true;
      started?.startTimeout(request.timeoutMs);
      started?.stream?.sendEnd(undefined);
    },
    cancel() {
      if (isOver) return;
      isOver = true;
      started?.drop();
    },
  };
}

/** The one way to send whole requests. `timeoutMs` 0 waits for ever. */
export const sendAside: SendAside = (clusterName, request, scope, onResult) =>
  begin(clusterName, request, { pieces: request.body, isWhole: true }, scope, onResult).cancel;

/** Opens a request whose body comes bit by bit; `onResult` is called once, never during the call. */
export function openAside(clusterName: string, request: SideHead, scope: SideScope, onResult: (result: SideResult) => void): SideStream {
  return begin(clusterName, request, { pieces: [], isWhole: false }, scope, onResult);
}
