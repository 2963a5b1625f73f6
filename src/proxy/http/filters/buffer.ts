/** Holds a request back until all of its body is there. Envoy: envoy.filters.http.buffer. */
import { messageAs } from '../../config/typed-config.ts';
import { ConfigError } from '../../../core/errors.ts';
import {
  type Buffer as BufferMessage,
  type BufferPerRoute,
  BufferPerRouteSchema,
  BufferSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/buffer/v3/buffer_pb.ts';
import { COLLECT, CONTINUE, type HttpFilter } from '../filter.ts';
import { routeConfig } from '../route-config.ts';

const NAME = 'envoy.filters.http.buffer';

class BufferConfig {
  /** 0: requests pass as they come. */
  readonly maxBytes: number;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }
}

function readBuffer({ maxRequestBytes }: BufferMessage, path: string): BufferConfig {
  if (maxRequestBytes === undefined || maxRequestBytes === 0) throw new ConfigError(`${path}.max_request_bytes`, 'is not above zero');
  return new BufferConfig(maxRequestBytes);
}

function parseRoute(given: unknown, path: string): BufferConfig {
  const message = messageAs(BufferPerRouteSchema, given, path);
  const { override }: BufferPerRoute = message;
  if (override.case === 'buffer') return readBuffer(override.value, `${path}.buffer`);
  if (override.case === 'disabled' && override.value) return new BufferConfig(0);
  throw new ConfigError(path, 'says neither disabled: true nor buffer');
}

/** Longer bodies are answered with 413; a body whose length was not known gets a `content-length`. */
export const buffer: HttpFilter<typeof BufferSchema, BufferConfig> = {
  name: NAME,
  schema: BufferSchema,
  parse: readBuffer,
  routeSchema: BufferPerRouteSchema,
  parseRoute,
  create: (own, { name }) => ({
    onRequestHeaders(stream, endStream) {
      if (endStream) return CONTINUE;
      const { maxBytes } = routeConfig(stream, name, BufferConfig) ?? own;
      if (maxBytes === 0) return CONTINUE;
      stream.collect({ maxBytes, isPartialEnough: false });
      return COLLECT;
    },
    onRequestBody({ request }, body) {
      if (!request.headers.has('content-length')) {
        request.headers.set('content-length', String(body.length));
        request.contentLength = body.length;
      }
      return CONTINUE;
    },
  }),
};
