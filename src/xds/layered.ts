/**
 * Resources in layers: most of what a client may have is the same for many clients, and only a few are its own. A layer
 * is shared and never copied; whoever compares two sets looks only at layers that are not the same.
 */
import type { TypeResources, XdsResource } from './subscription.ts';

/** The union of layers that have no name in common, in order of name where each layer is. */
class LayeredResources<Resource extends XdsResource> implements ReadonlyMap<string, Resource> {
  readonly layers: readonly ReadonlyMap<string, Resource>[];
  readonly size: number;

  constructor(layers: readonly ReadonlyMap<string, Resource>[]) {
    this.layers = layers;
    this.size = layers.reduce((sum, layer) => sum + layer.size, 0);
  }

  get(name: string): Resource | undefined {
    for (const layer of this.layers) {
      const found = layer.get(name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  has(name: string): boolean {
    return this.layers.some((layer) => layer.has(name));
  }

  forEach(run: (resource: Resource, name: string, map: ReadonlyMap<string, Resource>) => void, self?: unknown): void {
    for (const [name, resource] of this) run.call(self, resource, name, this);
  }

  *entries(): MapIterator<[string, Resource]> {
    const heads = this.layers.map((layer) => {
      const entries = layer[Symbol.iterator]();
      return { entries, next: entries.next() };
    });
    for (;;) {
      let first: (typeof heads)[number] | undefined;
      for (const head of heads) {
        if (head.next.done === true) continue;
        if (first === undefined || first.next.done === true || head.next.value[0] < first.next.value[0]) first = head;
      }
      if (first === undefined || first.next.done === true) return undefined;
      yield first.next.value;
      first.next = first.entries.next();
    }
  }

  *keys(): MapIterator<string> {
    for (const [name] of this.entries()) yield name;
    return undefined;
  }

  *values(): MapIterator<Resource> {
    for (const [, resource] of this.entries()) yield resource;
    return undefined;
  }

  [Symbol.iterator](): MapIterator<[string, Resource]> {
    return this.entries();
  }
}

function haveCommonName(layers: readonly ReadonlyMap<string, unknown>[]): boolean {
  const largest = layers.reduce((most, layer) => (layer.size > most.size ? layer : most));
  const seen = new Set<string>();
  for (const layer of layers) {
    if (layer === largest) continue;
    for (const name of layer.keys()) {
      if (largest.has(name) || seen.has(name)) return true;
      seen.add(name);
    }
  }
  return false;
}

/** The union of `layers`, each in order of name; of two resources with one name the first layer's stays. */
export function layered<Resource extends XdsResource>(...layers: readonly ReadonlyMap<string, Resource>[]): ReadonlyMap<string, Resource> {
  const filled = layers.filter(({ size }) => size > 0);
  if (filled.length <= 1) return filled[0] ?? new Map<string, Resource>();
  if (!haveCommonName(filled)) return new LayeredResources(filled);
  const all = new Map<string, Resource>();
  for (const layer of filled) for (const [name, resource] of layer) if (!all.has(name)) all.set(name, resource);
  return new Map([...all].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** The layers of a set, which is one itself where it has none. */
export function layersOf(resources: TypeResources): readonly TypeResources[] {
  return resources instanceof LayeredResources ? resources.layers : [resources];
}
