/** Compresses bodies of responses, and of requests where asked for. Envoy: envoy.filters.http.compressor. */
import { isMessage } from '@bufbuild/protobuf';
import { ConfigError } from '../../../core/errors.ts';
import type { RequestHead, ResponseHead } from '../../../wire/http/message.ts';
import type { RuntimeFeatureFlag } from '../../../xds/gen/envoy/config/core/v3/base_pb.ts';
import {
  type Compressor,
  type Compressor_CommonDirectionConfig,
  CompressorPerRouteSchema,
  CompressorSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/compressor/v3/compressor_pb.ts';
import type { Counter, StatsScope } from '../../telemetry/stats.ts';
import { CONTINUE, type FilterScope, type HttpFilter, type HttpFilterHandlers, type HttpStream, STOP, TAKEN_STOP } from '../filter.ts';
import { type Choice, chooseEncoding, type Offer } from './compression/accept-encoding.ts';
import { addVary, forbidsTransform, forgetLength, joined, mediaType, sanitizeEtag } from './compression/headers.ts';
import { type Library, readCompressor } from './compression/library.ts';
import { Pump } from './compression/pump.ts';

const NAME = 'envoy.filters.http.compressor';
const DEFAULT_MIN_BYTES = 30;

/** Envoy's default `content_type`. */
const DEFAULT_TYPES = [
  'text/html',
  'text/plain',
  'text/css',
  'application/javascript',
  'application/x-javascript',
  'text/javascript',
  'text/x-javascript',
  'text/ecmascript',
  'text/js',
  'text/jscript',
  'text/x-js',
  'application/ecmascript',
  'application/x-json',
  'application/xml',
  'application/json',
  'image/svg+xml',
  'text/xml',
  'application/xhtml+xml',
  'application/grpc-web',
  'application/grpc-web+proto',
];

/** What one direction compresses. */
interface Direction {
  readonly isEnabled: boolean;
  readonly minBytes: number;
  readonly types: ReadonlySet<string>;
}

interface CompressorConfig {
  readonly library: Library;
  readonly choosesFirst: boolean;
  readonly request: Direction;
  readonly response: Direction;
  /** `response_direction_config` is there: statistics of responses are named apart. */
  readonly hasResponseConfig: boolean;
  readonly disablesOnEtag: boolean;
  readonly weakensEtag: boolean;
  readonly removesAcceptEncoding: boolean;
  readonly uncompressible: ReadonlySet<number>;
}

class CompressorRoute {
  /** Undefined: as the filter says. */
  readonly isEnabled: boolean | undefined;
  readonly removesAcceptEncoding: boolean | undefined;
  constructor(isEnabled: boolean | undefined, removesAcceptEncoding: boolean | undefined) {
    this.isEnabled = isEnabled;
    this.removesAcceptEncoding = removesAcceptEncoding;
  }
}

/** A RuntimeFeatureFlag's value; Tulle has no runtime layers, so its default counts. */
function isFlagOn(flag: RuntimeFeatureFlag | undefined): boolean {
  return flag?.defaultValue ?? true;
}

function readDirection(common: Partial<Compressor_CommonDirectionConfig> | undefined, isThere: boolean): Direction {
  const types = common?.contentType ?? [];
  return {
    isEnabled: isThere && isFlagOn(common?.enabled),
    minBytes: common?.minContentLength || DEFAULT_MIN_BYTES,
    types: new Set((types.length === 0 ? DEFAULT_TYPES : types).map((type) => type.toLowerCase())),
  };
}

function parse(message: Compressor, path: string): CompressorConfig {
  const { requestDirectionConfig: request, responseDirectionConfig: response } = message;
  const deprecated = { enabled: message.runtimeEnabled, minContentLength: message.contentLength, contentType: message.contentType };
  return {
    library: readCompressor(message.compressorLibrary, `${path}.compressor_library`),
    choosesFirst: message.chooseFirst,
    request: readDirection(request?.commonConfig, request !== undefined),
    response: readDirection(response === undefined ? omitUndefined(deprecated) : response.commonConfig, true),
    hasResponseConfig: response !== undefined,
    disablesOnEtag: (response ?? message).disableOnEtagHeader,
    weakensEtag: response?.weakenEtagOnCompress ?? false,
    removesAcceptEncoding: (response ?? message).removeAcceptEncodingHeader,
    uncompressible: new Set(response?.uncompressibleResponseCodes),
  };
}

interface DeprecatedFields {
  readonly enabled: RuntimeFeatureFlag | undefined;
  readonly minContentLength: number | undefined;
  readonly contentType: string[];
}

function omitUndefined({ enabled, minContentLength, contentType }: DeprecatedFields): Partial<Compressor_CommonDirectionConfig> {
  return { contentType, ...(enabled && { enabled }), ...(minContentLength !== undefined && { minContentLength }) };
}

function parseRoute(message: unknown, path: string): CompressorRoute {
  if (!isMessage(message, CompressorPerRouteSchema)) throw new ConfigError(path, `is not a ${CompressorPerRouteSchema.typeName}`);
  const { override } = message;
  if (override.case === undefined) throw new ConfigError(path, 'says neither disabled nor overrides');
  if (override.case === 'disabled') return new CompressorRoute(false, undefined);
  const response = override.value.responseDirectionConfig;
  return new CompressorRoute(response === undefined ? undefined : true, response?.removeAcceptEncodingHeader);
}

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

const ofChains = new WeakMap<FilterScope, Peers>();

function joinPeers(config: CompressorConfig, scope: FilterScope): Peers {
  let peers = ofChains.get(scope);
  if (peers === undefined) ofChains.set(scope, (peers = { configs: [], choices: new WeakMap() }));
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

type Pumps = WeakMap<HttpStream, Pump>;

/** Sends pieces through the library, counting; the filter's data and end handlers of one direction. */
function createSide(pumps: Pumps, library: Library, stats: DirectionStats) {
  return {
    start(stream: HttpStream, pass: (bytes: Uint8Array) => void, resume: () => void): void {
      const pump = new Pump(library.create(), {
        onOutput(bytes) {
          stats.bytesOut.value += bytes.length;
          pass(bytes);
        },
        onReady: resume,
        onError: () => undefined,
      });
      pumps.set(stream, pump);
    },
    data(stream: HttpStream, data: Uint8Array): typeof CONTINUE | typeof TAKEN_STOP {
      const pump = pumps.get(stream);
      if (pump === undefined) return CONTINUE;
      stats.bytesIn.value += data.length;
      pump.write(data);
      return TAKEN_STOP;
    },
    end(stream: HttpStream): typeof CONTINUE | typeof STOP {
      const pump = pumps.get(stream);
      if (pump === undefined) return CONTINUE;
      pump.end();
      return STOP;
    },
    close(stream: HttpStream): void {
      pumps.get(stream)?.close();
    },
  };
}

function create(config: CompressorConfig, scope: FilterScope): HttpFilterHandlers {
  const { library, request, response } = config;
  const prefix = `compressor.${library.name}.${library.statPrefix}.`;
  const requestStats = directionStats(scope.stats, `${prefix}request.`);
  const responseStats = directionStats(scope.stats, config.hasResponseConfig ? `${prefix}response.` : prefix);
  const etagStat = scope.stats.counter(`${prefix}not_compressed_etag`);
  const accepted = new WeakMap<HttpStream, string>();
  const requests = createSide(new WeakMap(), library, requestStats);
  const responses = createSide(new WeakMap(), library, responseStats);
  const isChosen = createChooser(config, joinPeers(config, scope), scope.stats, prefix);
  const routeOf = (stream: HttpStream): CompressorRoute | undefined => {
    const route = stream.perRoute(NAME);
    return route instanceof CompressorRoute ? route : undefined;
  };
  const isEtagAllowed = (head: ResponseHead): boolean => {
    if (config.weakensEtag || !config.disablesOnEtag || !head.headers.has('etag')) return true;
    etagStat.value++;
    return false;
  };
  const isCompressible = (head: ResponseHead): boolean =>
    !config.uncompressible.has(head.status) &&
    head.status !== 101 &&
    isTypeAllowed(head, response) &&
    !forbidsTransform(head.headers) &&
    isEtagAllowed(head) &&
    !head.headers.has('content-encoding');

  const handlers: HttpFilterHandlers = {
    onRequestHeaders(stream, endStream) {
      const head = stream.request;
      const acceptEncoding = joined(head.headers, 'accept-encoding');
      if (acceptEncoding !== undefined) {
        accepted.set(stream, acceptEncoding);
        const route = routeOf(stream);
        const isRemoved = route?.removesAcceptEncoding ?? config.removesAcceptEncoding;
        if (isRemoved && (route?.isEnabled ?? response.isEnabled)) head.headers.remove('accept-encoding');
      }
      const isCompressed =
        !endStream &&
        request.isEnabled &&
        !isUpgrade(head) &&
        isLongEnough(head, request, requestStats) &&
        isTypeAllowed(head, request) &&
        !head.headers.has('content-encoding');
      (isCompressed ? requestStats.compressed : requestStats.notCompressed).value++;
      if (!isCompressed) return CONTINUE;
      forgetLength(head);
      head.headers.set('content-encoding', library.encoding);
      requests.start(
        stream,
        (bytes) => stream.passRequestData(handlers, bytes),
        () => stream.resumeRequest(),
      );
      return CONTINUE;
    },
    onResponseHeaders(stream, endStream) {
      const head = stream.response;
      if (head === undefined) return CONTINUE;
      const isEnabled = routeOf(stream)?.isEnabled ?? response.isEnabled;
      const isWorthIt = isEnabled && isLongEnough(head, response, responseStats);
      const canCompress = isWorthIt && isCompressible(head);
      const isCompressed = !endStream && isWorthIt && isChosen(stream, head, accepted.get(stream)) && canCompress;
      (isCompressed ? responseStats.compressed : responseStats.notCompressed).value++;
      if (isCompressed) {
        sanitizeEtag(head.headers, config.weakensEtag);
        forgetLength(head);
        head.headers.set('content-encoding', library.encoding);
        responses.start(
          stream,
          (bytes) => stream.passResponseData(handlers, bytes),
          () => stream.resumeResponse(),
        );
      }
      // also where this client wants none: a cache after us must know that another would get it compressed
      if (canCompress) addVary(head.headers);
      return CONTINUE;
    },
    onResponseData: (stream, data) => responses.data(stream, data),
    onResponseEnd: (stream) => responses.end(stream),
    onComplete(stream) {
      requests.close(stream);
      responses.close(stream);
    },
  };
  if (!request.isEnabled) return handlers;
  return Object.assign(handlers, {
    onRequestData: (stream: HttpStream, data: Uint8Array) => requests.data(stream, data),
    onRequestEnd: (stream: HttpStream) => requests.end(stream),
  });
}

export const compressor: HttpFilter<typeof CompressorSchema, CompressorConfig> = {
  name: NAME,
  schema: CompressorSchema,
  parse,
  routeSchema: CompressorPerRouteSchema,
  parseRoute,
  create,
};
