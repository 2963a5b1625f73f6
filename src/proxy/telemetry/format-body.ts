/** Bodies that are made by a format: of direct responses and local replies. Envoy: `body_format`, %LOCAL_REPLY_BODY%. */
import type { SubstitutionFormatString } from '../../xds/gen/envoy/config/core/v3/substitution_format_string_pb.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import { compileFormatString } from './format-string.ts';

export interface BodyFormat {
  readonly contentType: string;
  /** The body in place of `body`, which the format may quote as %LOCAL_REPLY_BODY%. */
  render(info: StreamInfo, body: string): string;
}

/** Prepares a body's format; undefined where there is none. `path` is the format's own. */
export function compileBodyFormat(config: SubstitutionFormatString | undefined, path: string): BodyFormat | undefined {
  if (config === undefined) return undefined;
  const write = compileFormatString(config, path, '%LOCAL_REPLY_BODY%');
  const ownType = config.format.case === 'jsonFormat' ? 'application/json' : 'text/plain';
  return {
    contentType: config.contentType === '' ? ownType : config.contentType,
    render(info, body) {
      // only while its format is written: logs have no local body
      info.localReplyBody = body;
      const text = write(info);
      info.localReplyBody = undefined;
      return text;
    },
  };
}
