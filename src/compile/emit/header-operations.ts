/** Header operations of rules as fields that routes, weighted clusters and virtual hosts have in common. */
import { create } from '@bufbuild/protobuf';
import type { HeaderOperations, Headers } from '../../model/route.ts';
import {
  HeaderValueOption_HeaderAppendAction,
  type HeaderValueOption,
  HeaderValueOptionSchema,
} from '../../xds/gen/envoy/config/core/v3/base_pb.ts';

export interface HeaderFields {
  requestHeadersToAdd: HeaderValueOption[];
  requestHeadersToRemove: string[];
  responseHeadersToAdd: HeaderValueOption[];
  responseHeadersToRemove: string[];
}

function isHost(name: string): boolean {
  return name === 'host' || name === ':authority';
}

function options({ set, add }: HeaderOperations): HeaderValueOption[] {
  const option = (pair: readonly [string, string], appendAction: HeaderValueOption_HeaderAppendAction) =>
    create(HeaderValueOptionSchema, { header: { key: pair[0], value: pair[1] }, appendAction });
  return [
    // Envoy refuses to set Host here: it is a rewrite
    ...set.filter(([name]) => !isHost(name)).map((pair) => option(pair, HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD)),
    ...add.filter(([name]) => !isHost(name)).map((pair) => option(pair, HeaderValueOption_HeaderAppendAction.APPEND_IF_EXISTS_OR_ADD)),
  ];
}

/** Additions and removals of `headers`; nothing where undefined. */
export function headerFields(headers: Headers | undefined): HeaderFields {
  if (headers === undefined)
    return { requestHeadersToAdd: [], requestHeadersToRemove: [], responseHeadersToAdd: [], responseHeadersToRemove: [] };
  return {
    requestHeadersToAdd: options(headers.request),
    requestHeadersToRemove: [...headers.request.remove],
    responseHeadersToAdd: options(headers.response),
    responseHeadersToRemove: [...headers.response.remove],
  };
}

/** The value that `set` or `add` gives to Host, which becomes a host rewrite. */
export function hostOverride(headers: Headers | undefined): string | undefined {
  return [...(headers?.request.set ?? []), ...(headers?.request.add ?? [])].find(([name]) => isHost(name))?.[1];
}
