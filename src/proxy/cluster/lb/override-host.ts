/**
 * Hosts that a request names itself, in a header or in its dynamic metadata, before any other policy is asked: one after
 * the other, so that a retry goes to the next. Envoy: OverrideHost.
 */
import type { StreamInfo } from '../../http/stream-info.ts';
import { metadataAt } from '../../telemetry/metadata-path.ts';
import type { ClusterHost } from '../host.ts';
import type { PickerFactory } from './picker.ts';

/** Where a request's hosts stand. */
export type OverrideSource =
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'metadata'; readonly namespace: string; readonly path: readonly string[] };

export interface OverrideRule {
  readonly sources: readonly OverrideSource[];
  /** Where in dynamic metadata the chosen host's address is written. */
  readonly selected: { readonly namespace: string; readonly path: readonly string[] } | undefined;
}

/** What a request has named, and how much of it is used up. */
interface Wishes {
  readonly keys: readonly string[];
  next: number;
}

function textOf(source: OverrideSource, info: StreamInfo): string | undefined {
  if (source.kind === 'header') return info.request?.headers.get(source.name);
  const value = metadataAt(info.metadata.get(source.namespace), source.path);
  return typeof value === 'string' ? value : undefined;
}

function wishesOf(sources: readonly OverrideSource[], info: StreamInfo): Wishes {
  const texts = sources.map((source) => textOf(source, info) ?? '');
  const keys = texts.flatMap((text) => text.split(',')).map((key) => key.trim());
  return { keys: keys.filter((key) => key !== ''), next: 0 };
}

/** `value` at `path`, as nested objects. */
function nested(path: readonly string[], value: string): unknown {
  return path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Two objects in one, the second's values before the first's. */
function merged(first: unknown, second: unknown): unknown {
  if (!isRecord(first) || !isRecord(second)) return second;
  const result: Record<string, unknown> = { ...first };
  for (const [key, value] of Object.entries(second)) result[key] = Object.hasOwn(first, key) ? merged(first[key], value) : value;
  return result;
}

/** Takes the hosts that requests name, whatever their health, as Envoy does; `child` chooses where there are none (any more). */
export function overrideHost({ sources, selected }: OverrideRule, child: PickerFactory): PickerFactory {
  // outlives pickers, which are built anew whenever any host changes
  const wishes = new WeakMap<StreamInfo, Wishes>();
  const nextWish = (info: StreamInfo, byKey: ReadonlyMap<string, ClusterHost>): ClusterHost | undefined => {
    let own = wishes.get(info);
    if (own === undefined) wishes.set(info, (own = wishesOf(sources, info)));
    while (own.next < own.keys.length) {
      const host = byKey.get(own.keys[own.next++] ?? '');
      if (host !== undefined) return host;
    }
    return undefined;
  };
  return (hosts, scope) => {
    const byKey = new Map(hosts.map((host) => [host.key, host]));
    const fallback = child(hosts, scope);
    return (context, attempt) => {
      const { info } = context;
      if (info === undefined) return fallback(context, attempt);
      const host = nextWish(info, byKey) ?? fallback(context, attempt);
      if (host !== undefined && selected !== undefined) {
        const { namespace, path } = selected;
        info.metadata.set(namespace, merged(info.metadata.get(namespace), nested(path, host.key)));
      }
      return host;
    };
  };
}
