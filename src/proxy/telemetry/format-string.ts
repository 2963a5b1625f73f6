/** `SubstitutionFormatString`: where a format stands, and what it may use. Envoy: config.core.v3. */
import { readFileSync } from 'node:fs';
import type { JsonObject } from '@bufbuild/protobuf';
import { ConfigError, messageOf } from '../../core/errors.ts';
import type { DataSource } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { SubstitutionFormatString } from '../../xds/gen/envoy/config/core/v3/substitution_format_string_pb.ts';
import { MetadataSchema } from '../../xds/gen/envoy/extensions/formatter/metadata/v3/metadata_pb.ts';
import { ReqWithoutQuerySchema } from '../../xds/gen/envoy/extensions/formatter/req_without_query/v3/req_without_query_pb.ts';
import { typeNameOf } from '../config/typed-config.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import { bytesOf } from './byte-text.ts';
import { compileFormat, compileJsonFormat } from './format.ts';
import { compileLine } from './format-line.ts';

export type WriteText = (info: StreamInfo) => string;

/** Formatters whose commands Tulle always has. */
const FORMATTERS: ReadonlySet<string> = new Set([ReqWithoutQuerySchema.typeName, MetadataSchema.typeName]);

function readSource(source: DataSource, path: string): string {
  const { specifier } = source;
  switch (specifier.case) {
    case 'inlineString':
      return specifier.value;
    case 'inlineBytes':
      return Buffer.from(specifier.value).toString('utf8');
    case 'environmentVariable':
      return process.env[specifier.value] ?? '';
    case 'filename':
      try {
        return readFileSync(specifier.value, 'utf8');
      } catch (cause) {
        throw new ConfigError(`${path}.filename`, `cannot read the format: ${messageOf(cause)}`, { cause });
      }
    case undefined:
      throw new ConfigError(path, 'names no source of a format');
  }
}

/** A JSON format, one line with its end. */
function compileJsonLine(format: JsonObject, path: string, omitsEmpty: boolean): WriteText {
  const json = compileJsonFormat(format, path, omitsEmpty);
  return (info) => `${json(info)}\n`;
}

/** How formats are prepared, by their kinds. */
interface Form {
  readonly text: typeof compileFormat;
  readonly json: typeof compileJsonLine;
}

const TEXT: Form = { text: compileFormat, json: compileJsonLine };

/** For lines of a log: each character of what is written is a byte. */
export const BYTES: Form = {
  text: compileLine,
  json(format, path, omitsEmpty) {
    const write = compileJsonLine(format, path, omitsEmpty);
    return (info) => bytesOf(write(info));
  },
};

/** Prepares a format; `fallback` where the configuration says none. `path` is the configuration's own. */
export function compileFormatString(config: SubstitutionFormatString, path: string, fallback: string, { text, json } = TEXT): WriteText {
  for (const [i, { name, typedConfig }] of config.formatters.entries()) {
    if (typedConfig === undefined || !FORMATTERS.has(typeNameOf(typedConfig)))
      throw new ConfigError(`${path}.formatters[${i}]`, `${name} is not supported by Tulle`);
  }
  const options = config.omitEmptyValues ? { missing: '' } : {};
  const { format } = config;
  switch (format.case) {
    case 'textFormat':
      return text(format.value, `${path}.text_format`, options);
    case 'textFormatSource':
      return text(readSource(format.value, `${path}.text_format_source`), `${path}.text_format_source`, options);
    case 'jsonFormat':
      return json(format.value, `${path}.json_format`, config.omitEmptyValues);
    case undefined:
      return text(fallback, path);
  }
}
