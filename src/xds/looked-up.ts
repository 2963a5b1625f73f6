/**
 * Resources that are found by name and cannot be listed, for more names lead to them than anybody could write down:
 * virtual hosts by whatever a client calls them. A client that asks for some is told of these, and of nothing else.
 */
import type { TypeResources, XdsResource } from './subscription.ts';

/** Finds, and does not list: it seems to be empty. The same name gives the same resource, whose name it is. */
export class LookedUpResources<Resource extends XdsResource> implements ReadonlyMap<string, Resource> {
  readonly size = 0;
  readonly #find: (name: string) => Resource | undefined;

  constructor(find: (name: string) => Resource | undefined) {
    this.#find = find;
  }

  get(name: string): Resource | undefined {
    return this.#find(name);
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  forEach(): void {}

  entries(): MapIterator<[string, Resource]> {
    return new Map<string, Resource>().entries();
  }

  keys(): MapIterator<string> {
    return new Map<string, Resource>().keys();
  }

  values(): MapIterator<Resource> {
    return new Map<string, Resource>().values();
  }

  [Symbol.iterator](): MapIterator<[string, Resource]> {
    return this.entries();
  }
}

/** True where a set says nothing about what else is in it. */
export function isLookedUp(resources: TypeResources): boolean {
  return resources instanceof LookedUpResources;
}
