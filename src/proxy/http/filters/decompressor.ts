/** Decompresses bodies of requests and responses. Envoy: envoy.filters.http.decompressor. */
import { type Live, liveFlag } from '../../config/live-values.ts';
import { HeaderBlock } from '../../../wire/http/headers.ts';
import type { HeaderMap, RequestHead, ResponseHead } from '../../../wire/http/message.ts';
import {
  type Decompressor,
  type Decompressor_CommonDirectionConfig,
  DecompressorSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/decompressor/v3/decompressor_pb.ts';
import type { Counter, StatsScope } from '../../telemetry/stats.ts';
import { CONTINUE, type HttpFilter, type HttpFilterHandlers, type HttpStream } from '../filter.ts';
import { type Flow, type FlowHandlers, Flows } from './compression/flows.ts';
import { forbidsTransform, forgetLength, joined } from './compression/headers.ts';
import { type Decompressing, readDecompressor } from './compression/library.ts';

interface Direction {
  readonly isEnabled: Live<boolean>;
  readonly ignoresNoTransform: boolean;
}

interface DecompressorConfig {
  readonly library: Decompressing;
  readonly request: Direction;
  readonly response: Direction;
  /** Tells the upstream by `accept-encoding` that its answers may be compressed. */
  readonly advertises: boolean;
}

function readDirection(common: Decompressor_CommonDirectionConfig | undefined): Direction {
  return { isEnabled: liveFlag(common?.enabled, true), ignoresNoTransform: common?.ignoreNoTransformHeader ?? false };
}

function parse(message: Decompressor, path: string): DecompressorConfig {
  return {
    library: readDecompressor(message.decompressorLibrary, `${path}.decompressor_library`),
    request: readDirection(message.requestDirectionConfig?.commonConfig),
    response: readDirection(message.responseDirectionConfig?.commonConfig),
    advertises: message.requestDirectionConfig?.advertiseAcceptEncoding ?? true,
  };
}

interface DirectionStats {
  readonly decompressed: Counter;
  readonly notDecompressed: Counter;
  readonly bytesIn: Counter;
  readonly bytesOut: Counter;
  readonly errors: Counter;
}

function directionStats(scope: StatsScope, direction: string, errorStat: string): DirectionStats {
  return {
    decompressed: scope.counter(`${direction}.decompressed`),
    notDecompressed: scope.counter(`${direction}.not_decompressed`),
    bytesIn: scope.counter(`${direction}.total_compressed_bytes`),
    bytesOut: scope.counter(`${direction}.total_uncompressed_bytes`),
    errors: scope.counter(`decompressor_library.${errorStat}`),
  };
}

/** The field with `encoding` in it once, and without a weight. */
function withEncoding(acceptEncoding: string | undefined, encoding: string): string {
  const others = (acceptEncoding ?? '')
    .split(',')
    .map((element) => element.trim())
    .filter((element) => element !== '' && element.split(';', 1)[0]?.trim() !== encoding);
  return [...others, encoding].join(',');
}

/** Takes the outermost encoding off where it is `encoding`; false where it is another one. */
function takeEncoding(headers: HeaderMap, encoding: string): boolean {
  const [outer, ...rest] = (joined(headers, 'content-encoding') ?? '').split(',');
  if (outer?.trim().toLowerCase() !== encoding) return false;
  if (rest.length === 0) headers.remove('content-encoding');
  else headers.set('content-encoding', rest.join(',').trim());
  return true;
}

/** One direction: which messages go through the library. */
function createSide(direction: Direction, library: Decompressing, stats: DirectionStats) {
  const flows = new Flows(stats);
  return {
    flows,
    /** Changes the head of a message that is to be decompressed, and begins with it. */
    begin(stream: HttpStream, head: RequestHead | ResponseHead, handlers: Omit<FlowHandlers, 'onError'>): void {
      const isTaken =
        direction.isEnabled.value &&
        (direction.ignoresNoTransform || !forbidsTransform(head.headers)) &&
        takeEncoding(head.headers, library.encoding);
      (isTaken ? stats.decompressed : stats.notDecompressed).value++;
      if (!isTaken) return;
      forgetLength(head);
      flows.start(stream, library.create(), { ...handlers, onError: () => void stats.errors.value++ }, library.maxInflateRatio);
    },
  };
}

export const decompressor: HttpFilter<typeof DecompressorSchema, DecompressorConfig> = {
  name: 'envoy.filters.http.decompressor',
  schema: DecompressorSchema,
  parse,
  create({ library, request, response, advertises }, { stats }) {
    const scope = stats.scope(`decompressor.${library.name}.${library.statPrefix}`);
    const requests = createSide(request, library, directionStats(scope, 'request', library.errorStat));
    const responses = createSide(response, library, directionStats(scope, 'response', library.errorStat));
    const report = (trailers: HeaderBlock, { bytesIn, bytesOut }: Flow): HeaderBlock => {
      trailers.set(`x-envoy-decompressor-${library.name}-compressed-bytes`, String(bytesIn));
      trailers.set(`x-envoy-decompressor-${library.name}-uncompressed-bytes`, String(bytesOut));
      return trailers;
    };
    const endedRequests = new WeakSet<HttpStream>();
    const endedResponses = new WeakSet<HttpStream>();
    const handlers: HttpFilterHandlers = {
      onRequestHeaders(stream, endStream) {
        const { headers } = stream.request;
        if (response.isEnabled.value && advertises) {
          headers.set('accept-encoding', withEncoding(joined(headers, 'accept-encoding'), library.encoding));
        }
        if (endStream) return CONTINUE;
        requests.begin(stream, stream.request, {
          pass: (bytes) => stream.passRequestData(handlers, bytes),
          onReady(flow) {
            if (endedRequests.has(stream)) stream.requestTrailers = report(stream.requestTrailers ?? new HeaderBlock(), flow);
            stream.resumeRequest();
          },
        });
        return CONTINUE;
      },
      onRequestData: (stream, data) => requests.flows.data(stream, data),
      onRequestEnd(stream) {
        endedRequests.add(stream);
        return requests.flows.end(stream);
      },
      onResponseHeaders(stream, endStream) {
        if (endStream || stream.response === undefined) return CONTINUE;
        responses.begin(stream, stream.response, {
          pass: (bytes) => stream.passResponseData(handlers, bytes),
          onReady(flow) {
            if (endedResponses.has(stream)) stream.responseTrailers = report(stream.responseTrailers ?? new HeaderBlock(), flow);
            stream.resumeResponse();
          },
        });
        return CONTINUE;
      },
      onResponseData: (stream, data) => responses.flows.data(stream, data),
      onResponseEnd(stream) {
        endedResponses.add(stream);
        return responses.flows.end(stream);
      },
      onComplete(stream) {
        requests.flows.close(stream);
        responses.flows.close(stream);
      },
    };
    return handlers;
  },
};
