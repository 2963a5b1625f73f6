/**
 * The rules that put a proxy into the way of a namespace's TCP and DNS, for nft and for iptables; what is
 * redirected and what is not is Istio's (`tools/istio-iptables` of its sources). Other UDP and ICMP go past the proxy.
 */

/** The proxy is told from the application by this group, as Istio's is. */
export const PROXY_GID = 1337;
export const OUTBOUND_PORT = 15001;
export const INBOUND_PORT = 15006;
export const DNS_PORT = 15053;
/** Where a proxy takes TCP connections of its peers as tunnels. */
export const HBONE_PORT = 15008;
/** Never redirected inbound: admin and metrics (Istio's numbers), and tunnels between proxies. */
const INBOUND_EXCLUDED_PORTS = [15000, HBONE_PORT, 15020, 15021, 15090];
/** Addresses that a proxy binds to speak to its own application, so that rule 2 below leaves it alone. */
const PASSTHROUGH_BIND = { ip: '127.0.0.6/32', ip6: '::6/128' } as const;
const LOOPBACK = { ip: '127.0.0.1/32', ip6: '::1/128' } as const;

interface Rule {
  /** `output` sees what this namespace's processes send, `inbound` the TCP that comes from other machines. */
  readonly chain: 'output' | 'inbound';
  readonly why: string;
  readonly outDevice?: 'lo';
  readonly from?: 'passthrough-bind';
  readonly to?: 'loopback' | 'not-loopback';
  readonly sender?: 'proxy' | 'application';
  readonly protocol?: 'tcp' | 'udp';
  readonly port?: number;
  readonly exceptPort?: number;
  /** A port to redirect to, or leave alone. */
  readonly verdict: number | 'return';
}

/** In order: the first rule that matches decides. */
const RULES: readonly Rule[] = [
  ...INBOUND_EXCLUDED_PORTS.map((port): Rule => ({
    chain: 'inbound',
    why: 'served by the proxy itself',
    protocol: 'tcp',
    port,
    verdict: 'return',
  })),
  { chain: 'inbound', why: 'what peers send', protocol: 'tcp', verdict: INBOUND_PORT },
  { chain: 'output', why: 'proxy to its application', outDevice: 'lo', from: 'passthrough-bind', verdict: 'return' },
  {
    chain: 'output',
    why: 'a tunnel of the proxy to itself',
    outDevice: 'lo',
    to: 'not-loopback',
    sender: 'proxy',
    protocol: 'tcp',
    port: HBONE_PORT,
    verdict: 'return',
  },
  {
    chain: 'output',
    why: 'the application called its own service: the proxy meets itself as a peer would',
    outDevice: 'lo',
    to: 'not-loopback',
    sender: 'proxy',
    protocol: 'tcp',
    exceptPort: 53,
    verdict: INBOUND_PORT,
  },
  {
    chain: 'output',
    why: 'the application to itself',
    outDevice: 'lo',
    sender: 'application',
    protocol: 'tcp',
    exceptPort: 53,
    verdict: 'return',
  },
  { chain: 'output', why: 'the proxy must not meet itself', sender: 'proxy', verdict: 'return' },
  { chain: 'output', why: 'names', protocol: 'udp', port: 53, verdict: DNS_PORT },
  { chain: 'output', why: 'names', protocol: 'tcp', port: 53, verdict: DNS_PORT },
  { chain: 'output', why: 'loopback', to: 'loopback', verdict: 'return' },
  { chain: 'output', why: 'what the application sends', protocol: 'tcp', verdict: OUTBOUND_PORT },
];

type Family = 'ip' | 'ip6';

function nftRule(rule: Rule, family: Family): string {
  const parts = [`meta nfproto ${family === 'ip' ? 'ipv4' : 'ipv6'}`];
  if (rule.outDevice !== undefined) parts.push(`oifname ${rule.outDevice}`);
  if (rule.from !== undefined) parts.push(`${family} saddr ${PASSTHROUGH_BIND[family]}`);
  if (rule.to !== undefined) parts.push(`${family} daddr ${rule.to === 'loopback' ? '' : '!= '}${LOOPBACK[family]}`);
  if (rule.sender !== undefined) parts.push(`meta skgid ${rule.sender === 'proxy' ? '' : '!= '}${PROXY_GID}`);
  if (rule.protocol !== undefined) parts.push(`meta l4proto ${rule.protocol}`);
  if (rule.port !== undefined) parts.push(`${rule.protocol} dport ${rule.port}`);
  if (rule.exceptPort !== undefined) parts.push(`${rule.protocol} dport != ${rule.exceptPort}`);
  parts.push(rule.verdict === 'return' ? 'return' : `redirect to :${rule.verdict}`);
  return `    ${parts.join(' ')} comment "${rule.why}"`;
}

function families(hasIpv6: boolean): readonly Family[] {
  return hasIpv6 ? ['ip', 'ip6'] : ['ip'];
}

/** Input of `nft -f -` that sets interception up in the namespace it runs in. */
export function nftInterception(hasIpv6: boolean): string {
  const chain = (name: Rule['chain'], hook: string): string => {
    const rules = RULES.filter((rule) => rule.chain === name).flatMap((rule) => families(hasIpv6).map((family) => nftRule(rule, family)));
    return `  chain ${name} {\n    type nat hook ${hook} priority -100; policy accept;\n${rules.join('\n')}\n  }\n`;
  };
  return `table inet tulle {\n${chain('inbound', 'prerouting')}${chain('output', 'output')}}\n`;
}

function iptablesRule(rule: Rule, family: Family): string {
  const parts = [`-A ${rule.chain === 'inbound' ? 'PREROUTING' : 'OUTPUT'}`];
  if (rule.outDevice !== undefined) parts.push(`-o ${rule.outDevice}`);
  if (rule.from !== undefined) parts.push(`-s ${PASSTHROUGH_BIND[family]}`);
  if (rule.to !== undefined) parts.push(`${rule.to === 'loopback' ? '' : '! '}-d ${LOOPBACK[family]}`);
  if (rule.protocol !== undefined) parts.push(`-p ${rule.protocol}`);
  if (rule.sender !== undefined) parts.push(`-m owner ${rule.sender === 'proxy' ? '' : '! '}--gid-owner ${PROXY_GID}`);
  if (rule.port !== undefined) parts.push(`-m ${rule.protocol} --dport ${rule.port}`);
  if (rule.exceptPort !== undefined) parts.push(`-m ${rule.protocol} ! --dport ${rule.exceptPort}`);
  parts.push(rule.verdict === 'return' ? '-j RETURN' : `-j REDIRECT --to-ports ${rule.verdict}`);
  return `${parts.join(' ')} -m comment --comment "${rule.why}"`;
}

/** Input of `iptables-restore` or `ip6tables-restore`, where there is no nft. */
export function iptablesInterception(family: 'ipv4' | 'ipv6'): string {
  return `*nat\n${RULES.map((rule) => iptablesRule(rule, family === 'ipv4' ? 'ip' : 'ip6')).join('\n')}\nCOMMIT\n`;
}
