/**
 * The network that a transparent mesh's namespaces hang on: a bridge with an address range of its own in the root
 * namespace, and a way out for what is not the mesh's. Every change is recorded before it is made.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { CliError } from '../errors.ts';
import type { RunRecord } from './run-record.ts';
import { undo } from './run-record.ts';

/** A mesh's network: 10.127.`number`.0/24 and fd74:756c:6c65:`number`::/64 on the bridge tulle`number`. */
export interface MeshNetwork {
  readonly number: number;
  readonly hasIpv6: boolean;
}

/** Runs a tool of the system with `input`; throws what it says where it fails. */
export function runTool(command: readonly string[], input = ''): string {
  const [program = '', ...args] = command;
  const run = spawnSync(program, args, { input, encoding: 'utf8' });
  if (run.error !== undefined) throw new CliError(`${program} cannot be run: ${run.error.message}`, `${packageOf(program)} brings it`);
  if (run.status !== 0) throw new CliError(`${command.join(' ')} failed: ${run.stderr.trim()}`);
  return run.stdout;
}

const PACKAGES: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  nft: 'nftables',
  iptables: 'iptables',
  'iptables-restore': 'iptables',
};

/** The Debian package that brings a program. */
export function packageOf(program: string): string {
  return `the Debian package ${PACKAGES[program] ?? program}`;
}

/** True where a program can be started. */
export function hasTool(program: string): boolean {
  return spawnSync(program, ['-V'], { stdio: 'ignore' }).error === undefined;
}

export function bridgeOf(network: MeshNetwork): string {
  return `tulle${network.number}`;
}

/** The bridge's own place among the hosts. */
export const BRIDGE_HOST = 1;

/** IPv4 address of a host. */
export function ipv4Of(network: MeshNetwork, host: number): string {
  return `10.127.${network.number}.${host}`;
}

/** IPv6 address of a host. */
export function ipv6Of(network: MeshNetwork, host: number): string {
  return `fd74:756c:6c65:${network.number.toString(16)}::${host.toString(16)}`;
}

/** Takes the first free network by making its bridge, which only one can; returns its number. */
function claimNumber(): number {
  const used = new Set<string>(
    Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address.split('.', 3).join('.'))),
  );
  const routes = runTool(['ip', '-4', 'route', 'show']);
  for (let number = 0; number < 256; number++) {
    const prefix = `10.127.${number}`;
    if (!used.has(prefix) && !routes.includes(`${prefix}.`) && isBridgeMade(`tulle${number}`)) return number;
  }
  throw new CliError('every network of 10.127.0.0/16 is in use', 'ip address shows by what');
}

/** Makes a bridge; false where another supervisor was faster. */
function isBridgeMade(bridge: string): boolean {
  if (existsSync(`/sys/class/net/${bridge}`)) return false;
  try {
    runTool(['ip', 'link', 'add', bridge, 'type', 'bridge']);
    return true;
  } catch (error) {
    if (existsSync(`/sys/class/net/${bridge}`)) return false;
    throw error;
  }
}

function hasIpv6(): boolean {
  try {
    return readFileSync('/proc/sys/net/ipv6/conf/default/disable_ipv6', 'utf8').trim() === '0';
  } catch {
    return false;
  }
}

/** The device of the IPv4 default route, if there is one. */
function wayOut(): string | undefined {
  return /\bdev (\S+)/.exec(runTool(['ip', '-4', 'route', 'show', 'default']))?.[1];
}

function egressRules(network: MeshNetwork): string {
  const bridge = bridgeOf(network);
  return `table ip ${bridge} {
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    ip saddr ${ipv4Of(network, 0)}/24 oifname != "${bridge}" masquerade
  }
  chain forward {
    type filter hook forward priority 0; policy accept;
    oifname "${bridge}" iifname != "${bridge}" ct state established,related accept
    oifname "${bridge}" iifname != "${bridge}" drop
  }
}
`;
}

function forwardFrom(record: RunRecord, device: string): void {
  const file = `/proc/sys/net/ipv4/conf/${device}/forwarding`;
  const before = readFileSync(file, 'utf8').trim();
  if (before === '1') return;
  record.willDo({ file, text: before });
  writeFileSync(file, '1');
}

function addIptablesRule(record: RunRecord, rule: readonly string[], position: '-A' | '-I'): void {
  const [table = '', chain = '', ...rest] = rule;
  record.willDo({ command: ['iptables', '-w', '-t', table, '-D', chain, ...rest] });
  runTool(['iptables', '-w', '-t', table, position, chain, ...rest]);
}

/** A firewall whose forward chain drops by default, as Docker makes it, would drop what the mesh sends. */
function openForwarding(record: RunRecord, bridge: string): void {
  if (!hasTool('iptables')) return;
  if (!runTool(['iptables', '-w', '-S', 'FORWARD']).includes('-P FORWARD DROP')) return;
  addIptablesRule(record, ['filter', 'FORWARD', '-i', bridge, '-j', 'ACCEPT'], '-I');
  addIptablesRule(record, ['filter', 'FORWARD', '-o', bridge, '-j', 'ACCEPT'], '-I');
}

function openWayOut(record: RunRecord, network: MeshNetwork, device: string): void {
  const bridge = bridgeOf(network);
  forwardFrom(record, bridge);
  forwardFrom(record, device);
  if (hasTool('nft')) {
    record.willDo({ command: ['nft', 'delete', 'table', 'ip', bridge] });
    runTool(['nft', '-f', '-'], egressRules(network));
  } else {
    addIptablesRule(record, ['nat', 'POSTROUTING', '-s', `${ipv4Of(network, 0)}/24`, '!', '-o', bridge, '-j', 'MASQUERADE'], '-A');
  }
}

/** Makes the bridge and the way out. Only IPv4 leaves the mesh: forwarding IPv6 would change how the host itself gets its routes. */
export function createMeshNetwork(record: RunRecord): MeshNetwork {
  const network = { number: claimNumber(), hasIpv6: hasIpv6() };
  const bridge = bridgeOf(network);
  // after it is made, unlike everything else: what is undone must be ours
  record.willDo({ command: ['ip', 'link', 'delete', bridge] });
  record.describe({ role: 'up', mode: 'transparent', network: network.number, hasIpv6: network.hasIpv6 });
  const lines = [
    `addr add ${ipv4Of(network, BRIDGE_HOST)}/24 dev ${bridge}`,
    ...(network.hasIpv6 ? [`addr add ${ipv6Of(network, BRIDGE_HOST)}/64 dev ${bridge} nodad`] : []),
    `link set ${bridge} up`,
  ];
  runTool(['ip', '-batch', '-'], `${lines.join('\n')}\n`);
  openForwarding(record, bridge);
  const device = wayOut();
  if (device !== undefined) openWayOut(record, network, device);
  return network;
}

/** Removes a network interface that may be gone already. */
export function removeLink(name: string): void {
  undo({ command: ['ip', 'link', 'delete', name] });
}
