/** Looking names up as the applications of one namespace may write them. */
import type { ResolveName } from './answer.ts';

/** One entry, in the shape of Istio's NameTable.NameInfo. */
export interface NameInfo {
  readonly ips: readonly string[];
  /** Name without namespace and domain; '' where the host has no such parts. */
  readonly shortname: string;
  readonly namespace: string;
}

/** The host itself, and what a Kubernetes pod's search list would make of it: `payments.shop.svc`, `payments.shop`, `payments`. */
function spellings(host: string, { shortname, namespace }: NameInfo, viewer: string): string[] {
  if (shortname === '') return [host];
  const qualified = `${shortname}.${namespace}`;
  return [host, `${qualified}.svc`, qualified, ...(namespace === viewer ? [shortname] : [])];
}

/** The addresses of the longest wildcard (`*.example.com`) that covers a name. */
function wildcard<Value>(names: ReadonlyMap<string, Value>, name: string): Value | undefined {
  for (let at = name.indexOf('.'); at !== -1; at = name.indexOf('.', at + 1)) {
    const found = names.get(`*${name.slice(at)}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Names of one application's namespace as they become known. */
export interface NameIndex {
  readonly add: (host: string, info: NameInfo) => void;
  readonly resolve: ResolveName;
}

/** An empty index; `viewer` is the application's namespace. A host written in full wins over another's short spelling. */
export function createNameIndex(viewer: string): NameIndex {
  // a list of one address as a text takes a third of the memory
  const names = new Map<string, readonly string[] | string>();
  return {
    add(host, info) {
      const full = host.toLowerCase();
      const [only = ''] = info.ips;
      const ips = info.ips.length === 1 ? only : info.ips;
      for (const name of spellings(full, info, viewer)) if (name === full || !names.has(name)) names.set(name, ips);
    },
    resolve(name, type) {
      const found = names.get(name) ?? wildcard(names, name);
      const ips = typeof found === 'string' ? [found] : found;
      return ips?.filter((ip) => ip.includes(':') === (type === 'AAAA'));
    },
  };
}

/** A resolver for a name table: `table` holds entries by host. */
export function resolverOf(table: Readonly<Record<string, NameInfo>>, viewer: string): ResolveName {
  const index = createNameIndex(viewer);
  for (const [host, info] of Object.entries(table)) index.add(host, info);
  return index.resolve;
}
