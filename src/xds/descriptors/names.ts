/** Names that JavaScript gives to every object, and that a property of a message cannot have. */
const RESERVED = new Set(['constructor', 'toString', 'toJSON', 'valueOf']);

/** The name of a property, as protobuf-es makes it: reserved names get a `$`. */
export function localName(name: string): string {
  return RESERVED.has(name) ? `${name}$` : name;
}

/** `snake_case` as `camelCase`, as protoc makes JSON names: a letter after underscores is upper case, a digit stays. */
export function camelCase(name: string): string {
  if (!name.includes('_')) return name;
  return name.replace(/_+(.?)/g, (_, c: string) => c.toUpperCase());
}
