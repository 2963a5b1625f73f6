/** What a server of xDS sends, and is asked for, in tests of the stores. */
import { type DescMessage, fromJson, type JsonObject, toBinary } from '@bufbuild/protobuf';
import type { AdsResource } from '../../../xds/client.ts';
import type { Subscriptions } from '../subscriptions.ts';

interface Arriving {
  readonly version?: string | undefined;
  /** Of a virtual host. */
  readonly aliases?: readonly string[];
}

/** A resource as it arrives; version 1 where nothing else is said. */
export function resource(schema: DescMessage, name: string, json: JsonObject, { version = '1', ...more }: Arriving = {}): AdsResource {
  return { name, version, typeUrl: `type.googleapis.com/${schema.typeName}`, any: toBinary(schema, fromJson(schema, json)), ...more };
}

/** `Cluster` for `type.googleapis.com/envoy.config.cluster.v3.Cluster`. */
export function shortType(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
}

/** Subscriptions that note what is asked for, `+Cluster a`, and what no more, `-Cluster a`, until `takeAsked` takes it. */
export function notedSubscriptions(): { readonly subscriptions: Subscriptions; readonly takeAsked: () => string[] } {
  const asked: string[] = [];
  const subscriptions: Subscriptions = {
    subscribe: (typeUrl, names) => asked.push(`+${shortType(typeUrl)} ${String(names)}`),
    unsubscribe: (typeUrl, names) => asked.push(`-${shortType(typeUrl)} ${String(names)}`),
  };
  return { subscriptions, takeAsked: () => asked.splice(0) };
}
