/** What a compressor compresses, read and checked. Envoy: envoy.extensions.filters.http.compressor.v3. */
import { type Live, liveFlag } from '../../../config/live-values.ts';
import { messageAs } from '../../../config/typed-config.ts';
import { ConfigError } from '../../../../core/errors.ts';
import type { RuntimeFeatureFlag } from '../../../../xds/gen/envoy/config/core/v3/base_pb.ts';
import {
  type Compressor,
  type Compressor_CommonDirectionConfig,
  CompressorPerRouteSchema,
} from '../../../../xds/gen/envoy/extensions/filters/http/compressor/v3/compressor_pb.ts';
import { type Library, readCompressor } from './library.ts';

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
export interface Direction {
  readonly isEnabled: Live<boolean>;
  readonly minBytes: number;
  readonly types: ReadonlySet<string>;
}

/** The filter's configuration, prepared. */
export interface CompressorConfig {
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

/** What a route says over the filter. */
export class CompressorRoute {
  /** Undefined: as the filter says. */
  readonly isEnabled: boolean | undefined;
  readonly removesAcceptEncoding: boolean | undefined;
  constructor(isEnabled: boolean | undefined, removesAcceptEncoding: boolean | undefined) {
    this.isEnabled = isEnabled;
    this.removesAcceptEncoding = removesAcceptEncoding;
  }
}

function readDirection(common: Partial<Compressor_CommonDirectionConfig> | undefined, isThere: boolean): Direction {
  const types = common?.contentType ?? [];
  return {
    isEnabled: isThere ? liveFlag(common?.enabled, true) : { value: false },
    minBytes: common?.minContentLength || DEFAULT_MIN_BYTES,
    types: new Set((types.length === 0 ? DEFAULT_TYPES : types).map((type) => type.toLowerCase())),
  };
}

/** Reads the filter's configuration. */
export function parse(message: Compressor, path: string): CompressorConfig {
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

/** Reads a route's. */
export function parseRoute(given: unknown, path: string): CompressorRoute {
  const message = messageAs(CompressorPerRouteSchema, given, path);
  const { override } = message;
  if (override.case === undefined) throw new ConfigError(path, 'says neither disabled nor overrides');
  if (override.case === 'disabled') return new CompressorRoute(false, undefined);
  const response = override.value.responseDirectionConfig;
  return new CompressorRoute(response === undefined ? undefined : true, response?.removeAcceptEncodingHeader);
}
