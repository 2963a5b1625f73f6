/**
 * Clusters that were sent to a client, and whose endpoints it has not asked for yet. Most clients begin with the same
 * clusters and ask for the same endpoints, so that what is awaited is a map of all of them until theirs differs.
 */
import { layersOf } from './layered.ts';
import { OverlaidMap } from './overlaid.ts';
import type { Subscription, TypeResources } from './subscription.ts';

type Names = ReadonlyMap<string, true>;

const NONE: Names = new Map();

/** `compute`, remembered while both arguments live. */
function ofBoth<A extends object, B extends object, Result>(compute: (a: A, b: B) => Result): (a: A, b: B) => Result {
  const known = new WeakMap<A, WeakMap<B, { readonly result: Result }>>();
  return (a, b) => {
    const byB = known.get(a) ?? new WeakMap<B, { readonly result: Result }>();
    known.set(a, byB);
    const entry = byB.get(b) ?? { result: compute(a, b) };
    byB.set(b, entry);
    return entry.result;
  };
}

function named(names: Iterable<string>): Names {
  return new Map([...names].map((name): [string, true] => [name, true]));
}

const namesInBoth = ofBoth((clusters: TypeResources, endpoints: TypeResources) =>
  named([...clusters.keys()].filter((name) => endpoints.has(name))),
);
const namesWithout = ofBoth((names: Names, asked: Names) => named([...names.keys()].filter((name) => !asked.has(name))));

/** See above. */
export class AwaitedNames {
  readonly #names = new OverlaidMap<true>();

  get isEmpty(): boolean {
    return this.#names.size === 0;
  }

  add(name: string): void {
    this.#names.set(name, true);
  }

  /** All of `clusters` that have endpoints, to a client that had none before. */
  begin(clusters: TypeResources, endpoints: TypeResources): void {
    const layers = layersOf(clusters);
    const largest = layers.reduce((most, layer) => (layer.size > most.size ? layer : most));
    this.#names.adopt(namesInBoth(largest, endpoints));
    for (const layer of layers) if (layer !== largest) for (const name of namesInBoth(layer, endpoints).keys()) this.add(name);
  }

  /** The client asks for endpoints. */
  asked({ isWildcard, names }: Subscription): void {
    const { base } = this.#names;
    if (isWildcard) this.clear();
    else if (base !== undefined && this.#names.isUntouched && names.base !== undefined && names.isUntouched) {
      this.#names.adopt(namesWithout(base, names.base));
    } else for (const name of this.#names.keys()) if (names.has(name)) this.#names.delete(name);
  }

  clear(): void {
    this.#names.adopt(NONE);
  }
}
