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
function wildcard(names: ReadonlyMap<string, readonly string[]>, name: string): readonly string[] | undefined {
  for (let at = name.indexOf('.'); at !== -1; at = name.indexOf('.', at + 1)) {
    const found = names.get(`*${name.slice(at)}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * A resolver for a name table: `table` holds entries by host, `viewer` is the application's namespace, in which short
 * names are looked up. A host written in full wins over another's short spelling.
 */
export function resolverOf(table: Readonly<Record<string, NameInfo>>, viewer: string): ResolveName {
  const names = new Map<string, readonly string[]>();
  for (const [host, info] of Object.entries(table)) {
    for (const name of spellings(host.toLowerCase(), info, viewer)) {
      if (name === host.toLowerCase() || !names.has(name)) names.set(name, info.ips);
    }
  }
  return (name, type) => {
    const ips = names.get(name) ?? wildcard(names, name);
    return ips?.filter((ip) => ip.includes(':') === (type === 'AAAA'));
  };
}
