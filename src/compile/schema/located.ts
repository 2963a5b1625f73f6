/** Where a decoded value stood in its file. */
export interface Position {
  /** 1-based. */
  readonly line: number;
  /** 1-based. */
  readonly column: number;
}

interface Place extends Position {
  /** From the resource's root: `spec.http[0]`; '' for the resource. */
  readonly path: string;
  /** Positions of the fields that were written, by name. */
  readonly fields: ReadonlyMap<string, Position>;
}

/** Key under which a decoded object carries its place; a symbol, so that it is no field. */
export const PLACE: unique symbol = Symbol('place');

export interface Located {
  readonly [PLACE]: Place;
}

/** `parent.name`, or `name` at the root. */
export function joinPath(parent: string, name: string): string {
  if (name === '') return parent;
  return parent === '' ? name : `${parent}.${name}`;
}

/**
 * Position of something inside a decoded object: of the field that `subpath` begins with, where it was written, or
 * of the object itself.
 */
export function positionOf(owner: Located, subpath: string): Position {
  const [name = ''] = subpath.split(/[.[]/, 1);
  return owner[PLACE].fields.get(name) ?? owner[PLACE];
}
