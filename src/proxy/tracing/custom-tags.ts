/** Tags that configuration adds to spans, and access logs of gRPC. Source: Envoy, envoy.type.tracing.v3.CustomTag. */
import type { JsonValue } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import type { CustomTag, CustomTag_Metadata } from '../../xds/gen/envoy/type/tracing/v3/custom_tag_pb.ts';
import type { RequestHead } from '../../wire/http/message.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import { textOf } from '../telemetry/byte-text.ts';
import { compileFormat } from '../telemetry/format.ts';
import { metadataAt } from '../telemetry/metadata-path.ts';

/** A tag's text for a stream; undefined where it has none, and is left out. */
export interface TagSource {
  readonly name: string;
  readonly text: (info: StreamInfo) => string | undefined;
}

function asText(value: JsonValue | undefined): string | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** What a request's head has under a name beside its fields; undefined for the names of fields. */
export function partOf(request: RequestHead, name: string): string | undefined {
  if (name === ':path') return request.path;
  if (name === ':method') return request.method;
  if (name === ':authority' || name === 'host') return request.authority;
  return name === ':scheme' ? request.scheme : undefined;
}

function fieldOf({ request }: StreamInfo, name: string): string | undefined {
  const bytes = request && (partOf(request, name) ?? request.headers.get(name));
  return bytes === undefined ? undefined : textOf(bytes);
}

function metadataText(config: CustomTag_Metadata, path: string): TagSource['text'] {
  const keys = (config.metadataKey?.path ?? []).map(({ segment }) => segment.value ?? '');
  const namespace = config.metadataKey?.key ?? '';
  const kind = config.kind?.kind.case ?? 'request';
  const read = (info: StreamInfo): unknown => {
    if (kind === 'request') return info.metadata.get(namespace);
    if (kind === 'route') return info.route?.metadata[namespace];
    return kind === 'cluster' ? info.cluster?.metadata[namespace] : info.upstream?.metadata[namespace];
  };
  if (namespace === '') throw new ConfigError(`${path}.metadata_key.key`, 'is empty');
  const fallback = config.defaultValue || undefined;
  return (info) => asText(metadataAt(read(info), keys)) ?? fallback;
}

function sourceOf({ type }: CustomTag, path: string): TagSource['text'] {
  switch (type.case) {
    case 'literal': {
      const { value } = type.value;
      return () => value;
    }
    case 'environment': {
      const value = process.env[type.value.name] ?? type.value.defaultValue;
      return () => value || undefined;
    }
    case 'requestHeader': {
      const name = type.value.name.toLowerCase();
      const fallback = type.value.defaultValue || undefined;
      if (name === '') throw new ConfigError(`${path}.request_header.name`, 'is empty');
      // one that is empty is left out, whatever stands for one that is missing
      return (info) => (fieldOf(info, name) ?? fallback) || undefined;
    }
    case 'metadata':
      return metadataText(type.value, `${path}.metadata`);
    case 'value': {
      const write = compileFormat(type.value, `${path}.value`, { missing: '', decodesFields: true });
      return (info) => write(info) || undefined;
    }
    case undefined:
      throw new ConfigError(path, `tag ${tagName(path)} says nothing of what it holds`);
  }
}

function tagName(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}

/** Prepares tags; `path` is the list's. */
export function compileTags(tags: readonly CustomTag[], path: string): readonly TagSource[] {
  return tags.map((tag, i) => {
    const at = `${path}[${i}]`;
    if (tag.tag === '') throw new ConfigError(`${at}.tag`, 'is empty');
    return { name: tag.tag, text: sourceOf(tag, at) };
  });
}
