/**
 * Envoy's runtime: keys with values in layers, of which the last has the word. Static layers stand in the bootstrap;
 * others come over ADS (`rtds_layer`), and change while the proxy runs. Source: Envoy, "Runtime".
 */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import { isObject } from '../../core/object.ts';
import type { AdsResource } from '../../xds/client.ts';
import { RUNTIME_TYPE } from '../../xds/types.ts';
import type { Bootstrap } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { RuntimeSchema } from '../../xds/gen/envoy/service/runtime/v3/rtds_pb.ts';
import type { Subscriptions } from './subscriptions.ts';
import { decodeResource } from './typed-config.ts';

/** Keys of a layer, nested ones with dots between. */
function flatten(layer: JsonObject, prefix: string, into: Record<string, JsonValue>): void {
  for (const [key, value] of Object.entries(layer)) {
    if (isJsonObject(value)) flatten(value, `${prefix}${key}.`, into);
    else into[prefix + key] = value;
  }
}

function isJsonObject(value: JsonValue): value is JsonObject {
  return isObject(value);
}

type Values = Readonly<Record<string, JsonValue>>;

interface Layer {
  /** As ADS names it; undefined for one of the bootstrap's own. */
  readonly name: string | undefined;
  values: Values;
}

function layersOf({ layeredRuntime }: Bootstrap): Layer[] {
  return (layeredRuntime?.layers ?? []).flatMap(({ layerSpecifier: layer }, i): Layer[] => {
    if (layer.case === 'staticLayer') return [{ name: undefined, values: valuesOf(layer.value) }];
    if (layer.case !== 'rtdsLayer') return [];
    const path = `layered_runtime.layers[${i}].rtds_layer`;
    if (layer.value.name === '') throw new ConfigError(`${path}.name`, 'is empty');
    if (layer.value.rtdsConfig?.configSourceSpecifier.case !== 'ads')
      throw new ConfigError(`${path}.rtds_config`, 'only ads is supported by Tulle');
    return [{ name: layer.value.name, values: {} }];
  });
}

function valuesOf(layer: JsonObject): Values {
  const values: Record<string, JsonValue> = {};
  flatten(layer, '', values);
  return values;
}

export class RuntimeStore {
  /** All keys now. The same object for ever, so that whoever has it sees what changes. */
  readonly values: Record<string, JsonValue> = {};
  readonly #layers: readonly Layer[];
  readonly #watchers: (() => void)[] = [];

  /** Throws ConfigError for layers that Tulle cannot have. */
  constructor(bootstrap: Bootstrap) {
    this.#layers = layersOf(bootstrap);
    this.#merge();
  }

  /** Asks ADS for the layers that come from there. */
  subscribe(subscriptions: Subscriptions): void {
    const names = this.#layers.flatMap(({ name }) => name ?? []);
    if (names.length > 0) subscriptions.subscribe(RUNTIME_TYPE, names);
  }

  /** Calls `watcher` now, and whenever values change. */
  watch(watcher: () => void): void {
    this.#watchers.push(watcher);
    watcher();
  }

  receive(resources: readonly AdsResource[], removed: readonly string[]): void {
    const arrived = new Map(resources.map(({ name, any }) => [name, valuesOf(decodeResource(any, RuntimeSchema, name).layer ?? {})]));
    for (const layer of this.#layers) {
      if (layer.name === undefined) continue;
      const values = arrived.get(layer.name);
      if (values !== undefined) layer.values = values;
      else if (removed.includes(layer.name)) layer.values = {};
    }
    this.#merge();
    for (const watcher of this.#watchers) watcher();
  }

  #merge(): void {
    const merged = Object.assign({}, ...this.#layers.map(({ values }) => values));
    for (const key of Object.keys(this.values)) if (!Object.hasOwn(merged, key)) delete this.values[key];
    Object.assign(this.values, merged);
  }
}
