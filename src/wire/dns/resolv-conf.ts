/** `resolv.conf`: which servers a machine asks, and which domains it tries (resolv.conf(5)). */
export interface ResolvConf {
  readonly nameservers: readonly string[];
  readonly searchDomains: readonly string[];
}

/** Reads a file's text; what is not a name server or a search list is of no interest here. */
export function parseResolvConf(text: string): ResolvConf {
  const nameservers: string[] = [];
  let searchDomains: readonly string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line.trim().split(/\s+/);
    if (keyword === 'nameserver' && values[0] !== undefined) nameservers.push(values[0]);
    // the last of `search` and `domain` wins
    if (keyword === 'search' || keyword === 'domain') {
      searchDomains = values.map((domain) => domain.replace(/\.$/, '').toLowerCase()).filter((domain) => domain !== '');
    }
  }
  return { nameservers, searchDomains };
}
