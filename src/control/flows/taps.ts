/**
 * Who looks on, and what proxies are told of it: a layer of Envoy's runtime by RTDS, so that no listener changes. A proxy
 * that is tapped tells of every request; the same layer says how much it tells of otherwise.
 */
import { create, type JsonObject, toBinary } from '@bufbuild/protobuf';
import type { FlowSettings } from '../../model/flow-settings.ts';
import { contentVersion } from '../../xds/content-version.ts';
import { RuntimeSchema } from '../../xds/gen/envoy/service/runtime/v3/rtds_pb.ts';
import type { TypeResources } from '../../xds/subscription.ts';
import type { ProxyNode } from '../compiler.ts';
import { type FlowFilter, isEnd } from './query.ts';

/** The layer's name, which a bootstrap has to name. */
const LAYER = 'tulle';

/** What one who looks on wants to see. */
export interface Tap {
  readonly filter: FlowFilter;
  /** Names of request headers, lower case. */
  readonly headers: readonly string[];
}

type Teller = Pick<ProxyNode, 'namespace' | 'workload' | 'role'>;

/**
 * True where a proxy may have something to tell to whoever looks on. Of one end that is named its own proxy tells, unless
 * only the other side's word is wanted, which may be anybody's.
 */
export function isConcerned({ filter }: Tap, { namespace, workload, role }: Teller): boolean {
  const { source, destination, workload: either, reporter } = filter;
  const own = { namespace, workload };
  if (reporter !== undefined && (reporter === 'gateway') !== (role === 'router')) return false;
  if (either !== undefined) return isEnd(own, either);
  if (source === undefined && destination === undefined) return true;
  const isSource = source !== undefined && (reporter === 'destination' ? destination === undefined : isEnd(own, source));
  const isOthers = reporter === 'source' || reporter === 'gateway';
  const isDestination = destination !== undefined && (isOthers ? source === undefined : isEnd(own, destination));
  return isSource || isDestination;
}

/** Layers that were made: proxies that are told the same share it. */
const MAX_KNOWN = 64;

/** Those who look on, and the layers of runtime that come of it. */
export class Taps {
  readonly #taps = new Set<Tap>();
  readonly #known = new Map<string, TypeResources>();
  /** What everybody is told while nobody looks on. */
  #untapped: { readonly settings: FlowSettings; readonly resources: TypeResources } | undefined;

  get size(): number {
    return this.#taps.size;
  }

  /** From now on somebody looks on, until the returned function is called. Proxies are to be told of either. */
  open(tap: Tap): () => void {
    this.#taps.add(tap);
    return () => void this.#taps.delete(tap);
  }

  /** The layer of a proxy's runtime. */
  runtimeOf(proxy: Teller, settings: FlowSettings): TypeResources {
    if (this.#taps.size > 0)
      return this.#layerOf(
        [...this.#taps].filter((tap) => isConcerned(tap, proxy)),
        settings,
      );
    if (this.#untapped?.settings !== settings) this.#untapped = { settings, resources: this.#layerOf([], settings) };
    return this.#untapped.resources;
  }

  #layerOf(taps: readonly Tap[], { perSecond, failedPerSecond, tappedPerSecond }: FlowSettings): TypeResources {
    const headers = [...new Set(taps.flatMap((tap) => tap.headers))].toSorted();
    const layer: JsonObject = {
      'tulle.flows.per_second': perSecond,
      'tulle.flows.failed_per_second': failedPerSecond,
      'tulle.flows.tapped_per_second': tappedPerSecond,
      // a stock Envoy's
      ...(taps.length > 0 && { 'tulle.tap': true, 'tulle.flows.sample': 100 }),
      ...(headers.length > 0 && { 'tulle.tap_headers': headers.join(',') }),
    };
    return this.#resources(layer);
  }

  #resources(layer: JsonObject): TypeResources {
    const key = JSON.stringify(layer);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const bytes = toBinary(RuntimeSchema, create(RuntimeSchema, { name: LAYER, layer }));
    const resources: TypeResources = new Map([[LAYER, { name: LAYER, version: contentVersion(bytes), bytes }]]);
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(key, resources);
    return resources;
  }
}
