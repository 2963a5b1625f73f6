/** Compresses bodies of responses, and of requests where asked for. Envoy: envoy.filters.http.compressor. */
import type { RequestHead, ResponseHead } from '../../../wire/http/message.ts';
import { CompressorPerRouteSchema, CompressorSchema } from '../../../xds/gen/envoy/extensions/filters/http/compressor/v3/compressor_pb.ts';
import type { Counter, StatsScope } from '../../telemetry/stats.ts';
import { CONTINUE, type FilterScope, type FilterStatus, type HttpFilter, type HttpFilterHandlers, type HttpStream } from '../filter.ts';
import { routeConfig } from '../route-config.ts';
import { type Choice, chooseEncoding, type Offer } from './compression/accept-encoding.ts';
import { type CompressorConfig, CompressorRoute, type Direction, parse, parseRoute } from './compression/compressor-config.ts';
import { Flows } from './compression/flows.ts';
import { addVary, forbidsTransform, forgetLength, joined, mediaType, sanitizeEtag } from './compression/headers.ts';

const NAME = 'envoy.filters.http.compressor';

interface DirectionStats {
  readonly compressed: Counter;
  readonly notCompressed: Counter;
  readonly tooSmall: Counter;
  readonly bytesIn: Counter;
  readonly bytesOut: Counter;
}

function directionStats(scope: StatsScope, prefix: string): DirectionStats {
  return {
    compressed: scope.counter(`${prefix}compressed`),
    notCompressed: scope.counter(`${prefix}not_compressed`),
    tooSmall: scope.counter(`${prefix}content_length_too_small`),
    bytesIn: scope.counter(`${prefix}total_uncompressed_bytes`),
    bytesOut: scope.counter(`${prefix}total_compressed_bytes`),
  };
}

/** The compressors of one chain know each other: the client's wish is for one of them. */
interface Peers {
  readonly configs: CompressorConfig[];
  readonly choices: WeakMap<HttpStream, Choice>;
}

const ofChains = new WeakMap<FilterScope['chain'], Peers>();

function joinPeers(config: CompressorConfig, { chain }: FilterScope): Peers {
  let peers = ofChains.get(chain);
  if (peers === undefined) ofChains.set(chain, (peers = { configs: [], choices: new WeakMap() }));
  peers.configs.push(config);
  return peers;
}

function isLongEnough(head: RequestHead | ResponseHead, direction: Direction, stats: DirectionStats): boolean {
  // the field itself: an answer to HEAD has it too
  const length = head.headers.get('content-length');
  if (length === undefined) return true;
  const isEnough = Number(length) >= direction.minBytes;
  if (!isEnough) stats.tooSmall.value++;
  return isEnough;
}

function isTypeAllowed(head: RequestHead | ResponseHead, { types }: Direction): boolean {
  const type = mediaType(head.headers);
  return type === undefined || types.has(type);
}

function isUpgrade(request: RequestHead): boolean {
  return 'upgrade' in request && request.upgrade !== '';
}

/** Counts what came of a client's `accept-encoding`. */
function createChooser(config: CompressorConfig, peers: Peers, scope: StatsScope, prefix: string) {
  const missing = scope.counter(`${prefix}no_accept_header`);
  const overshadowed = scope.counter(`${prefix}header_compressor_overshadowed`);
  const counters = {
    compressor: scope.counter(`${prefix}header_compressor_used`),
    identity: scope.counter(`${prefix}header_identity`),
    wildcard: scope.counter(`${prefix}header_wildcard`),
    invalid: scope.counter(`${prefix}header_not_valid`),
  };
  const offersFor = (head: ResponseHead): Offer[] =>
    peers.configs
      .filter(({ response }) => isTypeAllowed(head, response))
      .map(({ library, choosesFirst }) => ({ encoding: library.encoding, choosesFirst }));
  return (stream: HttpStream, head: ResponseHead, acceptEncoding: string | undefined): boolean => {
    if (acceptEncoding === undefined) {
      missing.value++;
      return false;
    }
    let choice = peers.choices.get(stream);
    if (choice === undefined) peers.choices.set(stream, (choice = chooseEncoding(acceptEncoding, offersFor(head))));
    const isOurs = choice.encoding === config.library.encoding;
    (choice.kind === 'compressor' && !isOurs ? overshadowed : counters[choice.kind]).value++;
    return isOurs;
  };
}

/** The filter while it runs. */
class CompressorFilter implements HttpFilterHandlers {
  readonly #config: CompressorConfig;
  readonly #name: string;
  readonly #requestStats: DirectionStats;
  readonly #responseStats: DirectionStats;
  readonly #etagStat: Counter;
  readonly #isChosen: ReturnType<typeof createChooser>;
  readonly #requests: Flows;
  readonly #responses: Flows;
  /** What clients accept, which later filters may take away. */
  readonly #accepted = new WeakMap<HttpStream, string>();
  /** Only where requests are compressed: who has them pays for them. */
  readonly onRequestData?: (stream: HttpStream, data: Uint8Array) => FilterStatus;
  readonly onRequestEnd?: (stream: HttpStream) => FilterStatus;

  constructor(config: CompressorConfig, scope: FilterScope) {
    const { library } = config;
    const { stats, name } = scope;
    this.#name = name;
    const prefix = `compressor.${library.name}.${library.statPrefix}.`;
    this.#config = config;
    this.#requestStats = directionStats(stats, `${prefix}request.`);
    this.#responseStats = directionStats(stats, config.hasResponseConfig ? `${prefix}response.` : prefix);
    this.#etagStat = stats.counter(`${prefix}not_compressed_etag`);
    this.#isChosen = createChooser(config, joinPeers(config, scope), stats, prefix);
    this.#requests = new Flows(this.#requestStats);
    this.#responses = new Flows(this.#responseStats);
    if (!config.request.isEnabled.value) return;
    this.onRequestData = (stream, data) => this.#requests.data(stream, data);
    this.onRequestEnd = (stream) => this.#requests.end(stream);
  }

  onRequestHeaders(stream: HttpStream, endStream: boolean): FilterStatus {
    const { request, library } = this.#config;
    const head = stream.request;
    this.#noteAccepted(stream);
    const isCompressed =
      !endStream &&
      request.isEnabled.value &&
      !isUpgrade(head) &&
      isLongEnough(head, request, this.#requestStats) &&
      isTypeAllowed(head, request) &&
      !head.headers.has('content-encoding');
    (isCompressed ? this.#requestStats.compressed : this.#requestStats.notCompressed).value++;
    if (!isCompressed) return CONTINUE;
    forgetLength(head);
    head.headers.set('content-encoding', library.encoding);
    this.#requests.start(stream, library.create(), {
      pass: (bytes) => stream.passRequestData(this, bytes),
      onReady: () => stream.resumeRequest(),
      onError() {},
    });
    return CONTINUE;
  }

  onResponseHeaders(stream: HttpStream, endStream: boolean): FilterStatus {
    const head = stream.response;
    if (head === undefined) return CONTINUE;
    const { response } = this.#config;
    const isEnabled = routeConfig(stream, this.#name, CompressorRoute)?.isEnabled ?? response.isEnabled.value;
    const isWorthIt = isEnabled && isLongEnough(head, response, this.#responseStats);
    const canCompress = isWorthIt && this.#isCompressible(head);
    const isCompressed = !endStream && isWorthIt && this.#isChosen(stream, head, this.#accepted.get(stream)) && canCompress;
    (isCompressed ? this.#responseStats.compressed : this.#responseStats.notCompressed).value++;
    if (isCompressed) this.#startResponse(stream, head);
    // also where this client wants none: a cache after us must know that another would get it compressed
    if (canCompress) addVary(head.headers);
    return CONTINUE;
  }

  onResponseData(stream: HttpStream, data: Uint8Array): FilterStatus {
    return this.#responses.data(stream, data);
  }

  onResponseEnd(stream: HttpStream): FilterStatus {
    return this.#responses.end(stream);
  }

  onComplete(stream: HttpStream): void {
    this.#requests.close(stream);
    this.#responses.close(stream);
  }

  #noteAccepted(stream: HttpStream): void {
    const { headers } = stream.request;
    const acceptEncoding = joined(headers, 'accept-encoding');
    if (acceptEncoding === undefined) return;
    this.#accepted.set(stream, acceptEncoding);
    const route = routeConfig(stream, this.#name, CompressorRoute);
    const isRemoved = route?.removesAcceptEncoding ?? this.#config.removesAcceptEncoding;
    if (isRemoved && (route?.isEnabled ?? this.#config.response.isEnabled.value)) headers.remove('accept-encoding');
  }

  #isCompressible(head: ResponseHead): boolean {
    return (
      !this.#config.uncompressible.has(head.status) &&
      head.status !== 101 &&
      isTypeAllowed(head, this.#config.response) &&
      !forbidsTransform(head.headers) &&
      this.#isEtagAllowed(head) &&
      !head.headers.has('content-encoding')
    );
  }

  #isEtagAllowed({ headers }: ResponseHead): boolean {
    const { weakensEtag, disablesOnEtag } = this.#config;
    if (weakensEtag || !disablesOnEtag || !headers.has('etag')) return true;
    this.#etagStat.value++;
    return false;
  }

  #startResponse(stream: HttpStream, head: ResponseHead): void {
    const { weakensEtag, library } = this.#config;
    sanitizeEtag(head.headers, weakensEtag);
    forgetLength(head);
    head.headers.set('content-encoding', library.encoding);
    this.#responses.start(stream, library.create(), {
      pass: (bytes) => stream.passResponseData(this, bytes),
      onReady: () => stream.resumeResponse(),
      onError() {},
    });
  }
}

export const compressor: HttpFilter<typeof CompressorSchema, CompressorConfig> = {
  name: NAME,
  schema: CompressorSchema,
  parse,
  routeSchema: CompressorPerRouteSchema,
  parseRoute,
  create: (config, scope) => new CompressorFilter(config, scope),
};
