import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { DEFAULT_CHAIN, unchangedChains } from './unchanged-chains.ts';

const chain = (name: string, port = 1): JsonObject => ({ name, filter_chain_match: { destination_port: port } });
const base = { name: 'l', filter_chains: [chain('a'), chain('b')], default_filter_chain: chain('rest') };

for (const [what, next, expected] of [
  ['nothing', {}, [0, 1, DEFAULT_CHAIN]],
  ['one chain', { filter_chains: [chain('a'), chain('b', 2)] }, [0, DEFAULT_CHAIN]],
  ['their order', { filter_chains: [chain('b'), chain('c'), chain('a')] }, [0, 1, DEFAULT_CHAIN]],
  ['the last resort', { default_filter_chain: chain('other') }, [0, 1]],
  ['the metadata', { metadata: { filter_metadata: { tulle: { policies: {} } } } }, [0, 1, DEFAULT_CHAIN]],
  ['something around the chains', { per_connection_buffer_limit_bytes: 1 }, []],
] as const) {
  test(`what of a listener stands when a new version changes ${what}`, () => {
    const [former, now] = [base, { ...base, ...next } as JsonObject].map((json) => fromJson(ListenerSchema, json));
    assert.ok(former && now);
    assert.deepEqual(
      [...unchangedChains(former, now)].toSorted((a, b) => a - b),
      [...expected].toSorted((a, b) => a - b),
    );
  });
}
