import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { systemClock } from '../../../core/clock.ts';
import { FilterConfigSchema } from '../../../xds/gen/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.ts';
import type { Cluster, ClusterManager } from '../../cluster/cluster.ts';
import { DnsCaches } from '../../cluster/dns/dns-caches.ts';
import { fakeInfo, fakeScope, fakeStream } from '../../telemetry/testing/fake-stream.ts';
import { createStats } from '../../telemetry/registry.ts';
import { CONTINUE, STOP } from '../filter.ts';
import { dynamicForwardProxy } from './dynamic-forward-proxy.ts';

/** A request for a cluster that comes when it is asked for. */
function setUp(clusterWaitMs: number) {
  const happened: string[] = [];
  let arrive: (found: Cluster | undefined) => void = () => assert.fail('nothing was asked for');
  const clusters: ClusterManager = {
    dnsCaches: new DnsCaches({ clock: systemClock, random: () => 0, stats: createStats() }),
    get: () => undefined,
    forEach() {},
    request: (name, waitMs, callback) => {
      happened.push(`${name} within ${waitMs}`);
      arrive = callback;
    },
  };
  const stream = {
    ...fakeStream(),
    info: { ...fakeInfo(), clusterName: 'outbound|80||*.example.com' },
    clusterWaitMs,
    resumeRequest: () => void happened.push('resume'),
  };
  const message = create(FilterConfigSchema, { implementationSpecifier: { case: 'dnsCacheConfig', value: { name: 'c' } } });
  const handlers = dynamicForwardProxy.create(dynamicForwardProxy.parse(message, 'f'), fakeScope({ clusters }));
  return { happened, stream, handlers, arrive: (found: Cluster | undefined) => arrive(found) };
}

test('a request waits for a cluster that is asked for when it is needed', () => {
  const { happened, stream, handlers, arrive } = setUp(5000);
  assert.equal(handlers.onRequestHeaders?.(stream, true), STOP);
  assert.deepEqual(happened, ['outbound|80||*.example.com within 5000']);
  arrive(undefined);
  assert.deepEqual(happened.slice(1), ['resume']);
});

test('a request that is over waits for nothing', () => {
  const { happened, stream, handlers, arrive } = setUp(5000);
  handlers.onRequestHeaders?.(stream, true);
  handlers.onComplete?.(stream);
  arrive(undefined);
  assert.deepEqual(happened.slice(1), []);
});

test('nobody waits where clusters are not asked for', () => {
  const { happened, stream, handlers } = setUp(0);
  assert.equal(handlers.onRequestHeaders?.(stream, true), CONTINUE);
  assert.deepEqual(happened, []);
});
