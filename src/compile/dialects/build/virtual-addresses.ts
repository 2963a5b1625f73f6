/**
 * Virtual addresses for services that have none, from 240.240.0.0/16 (as Istio's) and their twins in 2001:2::/48. A
 * service's address follows from its name, so that control planes agree without talking; where two names collide, the
 * one that had the address keeps it, since clients may remember it.
 */
import { parseIp } from '../../../core/cidr.ts';
import type { Service } from '../../../model/service.ts';
import type { Findings } from './findings.ts';

/** Host numbers 1 to 65534: all but the network's own and broadcast address. */
const SLOTS = 65_534;
const PREFIX = '240.240.';

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193) >>> 0;
  return value;
}

/** The slot of an address of ours, or undefined. */
function slotOf(address: string): number | undefined {
  if (!address.startsWith(PREFIX)) return undefined;
  const ip = parseIp(address);
  return ip === undefined ? undefined : (ip[2] ?? 0) * 256 + (ip[3] ?? 0);
}

/** True for an address of ours, which stands for a service and is nobody's. */
export function isVirtual(address: string): boolean {
  return slotOf(address) !== undefined;
}

function addressesOf(slot: number): readonly string[] {
  return [`${PREFIX}${slot >> 8}.${slot & 0xff}`, `2001:2::${slot.toString(16)}`];
}

/** Names a service among all. */
export function serviceKey({ namespace, hostname }: Pick<Service, 'namespace' | 'hostname'>): string {
  return `${namespace}/${hostname}`;
}

/**
 * Addresses by `serviceKey` for `wanting`; `given` are addresses that others have, `previous` the services of the last
 * mesh.
 */
export function allocateAddresses(
  wanting: readonly Service[],
  given: Iterable<string>,
  previous: readonly Service[],
  findings: Findings,
): ReadonlyMap<string, readonly string[]> {
  const taken = new Set([...given].map(slotOf));
  const former = new Map(previous.map((service) => [serviceKey(service), slotOf(service.addresses[0] ?? '')]));
  const allocated = new Map<string, readonly string[]>();
  const take = (key: string, slot: number): void => {
    taken.add(slot);
    allocated.set(key, addressesOf(slot));
  };
  const keyed = wanting.map((service) => ({ key: serviceKey(service), service })).toSorted((a, b) => (a.key < b.key ? -1 : 1));
  for (const { key } of keyed) {
    const slot = former.get(key);
    if (slot !== undefined && !taken.has(slot)) take(key, slot);
  }
  for (const { key, service } of keyed) {
    if (allocated.has(key)) continue;
    if (taken.size >= SLOTS) {
      findings.error('TUL112', service.origin, `${service.hostname} gets no virtual address: all ${SLOTS} are taken`);
      break;
    }
    let slot = (hash(key) % SLOTS) + 1;
    while (taken.has(slot)) slot = (slot % SLOTS) + 1;
    take(key, slot);
  }
  return allocated;
}
