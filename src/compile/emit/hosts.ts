/** Which names a pattern covers, and who sees what is exported. */

/** True where a resource of `namespace` exported to `exportTo` is seen from `viewer`. */
export function isExported(exportTo: readonly string[], namespace: string, viewer: string): boolean {
  if (exportTo.length === 0) return true;
  return exportTo.some((to) => to === '*' || to === viewer || (to === '.' && namespace === viewer));
}

/**
 * How well `pattern` (a host, `*`, or `*.suffix`) names `host`: Infinity where equal, the suffix' length for a
 * wildcard, -1 where not at all.
 */
export function hostSpecificity(pattern: string, host: string): number {
  if (pattern === host) return Infinity;
  if (pattern === '*') return 0;
  return pattern.startsWith('*') && host.endsWith(pattern.slice(1)) ? pattern.length : -1;
}
