/** What hosts are hashed by, and weighed by, for consistent hashing. */
import { metadataAt } from '../../telemetry/metadata-path.ts';
import type { Host } from '../cluster.ts';
import { bytesAsText } from './hash64.ts';

const KEY_PATH = ['envoy.lb', 'hash_key'];

/** The bytes that stand for a host: its metadata `hash_key`, else its name where those are asked for, else its address. */
export function hashKeyOf(host: Host, usesHostname: boolean): string {
  const own = metadataAt(host.metadata, KEY_PATH);
  if (typeof own === 'string' && own !== '') return bytesAsText(own);
  return usesHostname && host.hostname !== '' ? bytesAsText(host.hostname) : host.key;
}

/** Weights that add up to 1. */
export function normalWeights(hosts: readonly Host[], weights: readonly number[] | undefined): readonly number[] {
  if (weights !== undefined) return weights;
  const total = hosts.reduce((sum, host) => sum + host.weight, 0);
  return hosts.map((host) => host.weight / total);
}
