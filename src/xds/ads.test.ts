/** One suite for both variants: our client against our server, message by message, without a network. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { ConfigError } from '../core/errors.ts';
import { AdsClient, type AdsHandler, type AdsResource, type AdsSession, SotwAdsClient } from './client.ts';
import { contentVersion } from './content-version.ts';
import { NodeSchema } from './gen/envoy/config/core/v3/base_pb.ts';
import { DeltaDiscoveryResponseSchema } from './gen/envoy/service/discovery/v3/discovery_pb.ts';
import { createDeltaSession, createSotwSession, type ServerSession } from './server.ts';
import type { Snapshot } from './server-core.ts';
import type { XdsResource } from './subscription.ts';
import {
  CLUSTER_TYPE,
  ENDPOINT_TYPE,
  HEALTH_TYPE,
  LISTENER_TYPE,
  ROUTE_TYPE,
  resourceType,
  SCOPED_ROUTE_TYPE,
  VIRTUAL_HOST_TYPE,
} from './types.ts';

const node = create(NodeSchema, { id: 'sidecar~10.0.0.1~web-0.shop~shop.svc.cluster.local' });

/** A resource is its name in field 1 and its content in field 2. */
function resource(name: string, content: string): XdsResource {
  const bytes = new Uint8Array(new BinaryWriter().tag(1, 2).string(name).tag(2, 2).string(content).finish());
  return { name, version: contentVersion(bytes), bytes };
}

/** `{ CDS: { a: '1' } }` as a snapshot. */
function snapshot(types: Record<string, Record<string, string>>): Snapshot {
  return new Map(
    Object.entries(types).map(([typeUrl, resources]) => [
      typeUrl,
      new Map(Object.entries(resources).map(([name, content]) => [name, resource(name, content)])),
    ]),
  );
}

/** Records what reaches the client: `+CDS a=1`, `-CDS a`; rejects content `bad`. */
class Recorder implements AdsHandler {
  log: string[] = [];
  /** As `log`, never emptied. */
  readonly history: string[] = [];
  onEvent: (typeUrl: string, lines: readonly string[]) => void = () => {};

  onResources(typeUrl: string, resources: readonly AdsResource[], removed: readonly string[]): void {
    const short = resourceType(typeUrl)?.name ?? typeUrl;
    const contents = resources.map(({ name, any }) => [name, new TextDecoder().decode(any).split('\u0012')[1]?.slice(1)] as const);
    for (const [name, content] of contents) {
      if (content === 'bad') throw new ConfigError(`${name}.content`, 'bad is not good');
    }
    const lines = [...contents.map(([name, content]) => `+${short} ${name}=${content}`), ...removed.map((name) => `-${short} ${name}`)];
    this.log.push(...lines);
    this.history.push(...lines);
    this.onEvent(typeUrl, lines);
  }

  take(): string[] {
    const log = this.log;
    this.log = [];
    return log;
  }
}

/** A client, a server, and the stream between them. */
interface Harness {
  readonly recorder: Recorder;
  readonly client: Pick<AdsSession<never, never>, 'subscribe' | 'unsubscribe' | 'health'>;
  /** Opens a (new) stream to a server with `snapshot`. */
  connect(snapshot: Snapshot, generation: string): void;
  server(): Pick<ServerSession<never, never>, 'update' | 'isHolding' | 'release' | 'isSettled' | 'status'>;
  /** Carries messages both ways until nobody has any; returns how many responses went by, by type. */
  run(): string[];
}

function harness<Q extends { typeUrl: string }, R extends { typeUrl: string }>(
  makeClient: (handler: AdsHandler) => AdsSession<Q, R>,
  makeServer: (snapshot: Snapshot, generation: string) => ServerSession<Q, R>,
): Harness {
  const recorder = new Recorder();
  const client = makeClient(recorder);
  let server = makeServer(new Map(), '0');
  const run = (): string[] => {
    const seen: string[] = [];
    for (let turn = 0; turn < 100; turn += 1) {
      const requests = client.drain();
      for (const request of requests) server.receive(request);
      const responses = server.drain();
      for (const response of responses) {
        seen.push(resourceType(response.typeUrl)?.name ?? response.typeUrl);
        client.received(response);
      }
      if (requests.length === 0 && responses.length === 0) return seen;
    }
    throw new Error(`the two never come to rest: ${seen.join(' ')}`);
  };
  return {
    recorder,
    client,
    connect(next, generation) {
      server = makeServer(next, generation);
      for (const request of client.connected()) if (request.typeUrl !== HEALTH_TYPE) server.receive(request);
    },
    server: () => server,
    run,
  };
}

const variants: { name: string; make: () => Harness }[] = [
  { name: 'delta', make: () => harness((handler) => new AdsClient(node, handler), createDeltaSession) },
  { name: 'state of the world', make: () => harness((handler) => new SotwAdsClient(node, handler), createSotwSession) },
];

const whole = {
  [CLUSTER_TYPE]: { a: '1', b: '1' },
  [ENDPOINT_TYPE]: { a: '1', b: '1' },
  [LISTENER_TYPE]: { l: '1' },
  [ROUTE_TYPE]: { r: '1' },
};

/** Subscribes as a proxy does: everything of clusters and listeners, and by name what they refer to. */
function likeAProxy(h: Harness): void {
  h.client.subscribe(CLUSTER_TYPE, '*');
  h.client.subscribe(LISTENER_TYPE, '*');
  const names = (lines: readonly string[], start: string): string[] =>
    lines.filter((line) => line.startsWith(start)).map((line) => /\w+ (\w+)/.exec(line)?.[1] ?? '');
  h.recorder.onEvent = (typeUrl, lines) => {
    h.client.subscribe(ENDPOINT_TYPE, names(lines, '+CDS'));
    h.client.unsubscribe(ENDPOINT_TYPE, names(lines, '-CDS'));
    if (typeUrl === LISTENER_TYPE) h.client.subscribe(ROUTE_TYPE, ['r']);
  };
}

for (const { name, make } of variants) {
  describe(`ADS, ${name}`, () => {
    test('a new client gets clusters before endpoints before routes', () => {
      const h = make();
      likeAProxy(h);
      h.connect(snapshot(whole), '1');
      h.run();
      assert.deepEqual(h.recorder.take().toSorted(), ['+CDS a=1', '+CDS b=1', '+EDS a=1', '+EDS b=1', '+LDS l=1', '+RDS r=1']);
      assert.equal(h.server().isSettled, true);
    });

    test('only what changed is handed over', () => {
      const h = make();
      likeAProxy(h);
      h.connect(snapshot(whole), '1');
      h.run();
      h.recorder.take();
      h.server().update(snapshot({ ...whole, [ROUTE_TYPE]: { r: '2' } }), '2');
      assert.deepEqual(h.run(), ['RDS']);
      assert.deepEqual(h.recorder.take(), ['+RDS r=2']);
      h.server().update(snapshot({ ...whole, [ROUTE_TYPE]: { r: '2' } }), '3');
      assert.deepEqual(h.run(), []);
    });

    test('a route moves to a new cluster only when its endpoints are there, and the old cluster goes last', () => {
      const h = make();
      likeAProxy(h);
      h.connect(snapshot(whole), '1');
      h.run();
      h.recorder.take();
      h.server().update(
        snapshot({
          [CLUSTER_TYPE]: { a: '1', c: '1' },
          [ENDPOINT_TYPE]: { a: '1', c: '1' },
          [LISTENER_TYPE]: { l: '1' },
          [ROUTE_TYPE]: { r: '2' },
        }),
        '2',
      );
      h.run();
      const log = h.recorder.take().filter((line) => line !== '-EDS b');
      assert.deepEqual(log, ['+CDS c=1', '+EDS c=1', '+RDS r=2', '-CDS b']);
    });

    test('a changed cluster gets its endpoints again, to be warmed with', () => {
      const h = make();
      likeAProxy(h);
      h.connect(snapshot(whole), '1');
      h.run();
      h.recorder.take();
      h.server().update(snapshot({ ...whole, [CLUSTER_TYPE]: { a: '2', b: '1' } }), '2');
      h.run();
      assert.deepEqual(h.recorder.take(), ['+CDS a=2', '+EDS a=1']);
    });

    test('routes do not wait for ever for a client that asks for no endpoints', () => {
      const h = make();
      h.client.subscribe(CLUSTER_TYPE, '*');
      h.client.subscribe(ROUTE_TYPE, ['r']);
      h.connect(snapshot(whole), '1');
      h.run();
      h.recorder.take();
      h.server().release();
      h.server().update(
        snapshot({ ...whole, [CLUSTER_TYPE]: { a: '1', b: '1', c: '1' }, [ENDPOINT_TYPE]: { c: '1' }, [ROUTE_TYPE]: { r: '2' } }),
        '2',
      );
      h.run();
      assert.deepEqual(h.recorder.take(), ['+CDS c=1']);
      assert.equal(h.server().isHolding, true);
      h.server().release();
      h.run();
      assert.deepEqual(h.recorder.take(), ['+RDS r=2']);
    });

    test('a rejection is kept with its reason, and is over with the next good response', () => {
      const h = make();
      likeAProxy(h);
      h.connect(snapshot(whole), '1');
      h.run();
      h.server().update(snapshot({ ...whole, [ROUTE_TYPE]: { r: 'bad' } }), '2');
      assert.deepEqual(h.run(), ['RDS']);
      const rejected = h
        .server()
        .status()
        .find(({ typeUrl }) => typeUrl === ROUTE_TYPE);
      assert.deepEqual(rejected?.rejection, { message: 'r.content: bad is not good', resources: ['r'] });
      assert.notEqual(rejected?.ackedVersion, rejected?.sentVersion);
      h.recorder.take();
      h.server().update(snapshot({ ...whole, [ROUTE_TYPE]: { r: '3' } }), '3');
      h.run();
      assert.deepEqual(h.recorder.take(), ['+RDS r=3']);
      assert.equal(
        h
          .server()
          .status()
          .find(({ typeUrl }) => typeUrl === ROUTE_TYPE)?.rejection,
        undefined,
      );
    });

    test('a rejected route keeps the cluster that the former one uses', () => {
      const h = make();
      likeAProxy(h);
      h.connect(snapshot(whole), '1');
      h.run();
      h.recorder.take();
      h.server().update(snapshot({ ...whole, [CLUSTER_TYPE]: { a: '1' }, [ENDPOINT_TYPE]: { a: '1' }, [ROUTE_TYPE]: { r: 'bad' } }), '2');
      h.run();
      assert.deepEqual(h.recorder.take(), []);
      h.server().update(snapshot({ ...whole, [CLUSTER_TYPE]: { a: '1' }, [ENDPOINT_TYPE]: { a: '1' }, [ROUTE_TYPE]: { r: '3' } }), '3');
      h.run();
      const log = h.recorder.take();
      assert.deepEqual(log.slice(0, 2), ['+RDS r=3', '-CDS b']);
    });

    test('after a reconnect nothing unchanged is handed over again', () => {
      const h = make();
      likeAProxy(h);
      h.connect(snapshot(whole), '1');
      h.run();
      h.recorder.take();
      h.connect(snapshot(whole), 'another process');
      h.run();
      assert.deepEqual(h.recorder.take(), []);
    });

    test('after a reconnect what changed meanwhile is handed over, removals too', () => {
      const h = make();
      likeAProxy(h);
      h.connect(snapshot(whole), '1');
      h.run();
      h.recorder.take();
      h.connect(snapshot({ ...whole, [CLUSTER_TYPE]: { a: '1' }, [ENDPOINT_TYPE]: { a: '2' }, [ROUTE_TYPE]: { r: '2' } }), '2');
      h.run();
      const log = h.recorder.take();
      for (const line of ['-CDS b', '+EDS a=2', '+RDS r=2']) assert.ok(log.includes(line), `${line} in ${log.join(', ')}`);
      assert.ok(!log.includes('+CDS a=1'));
    });

    test('names are served on demand, and no more when they are given up', () => {
      const h = make();
      h.client.subscribe(CLUSTER_TYPE, ['a']);
      h.connect(snapshot(whole), '1');
      h.run();
      assert.deepEqual(h.recorder.take(), ['+CDS a=1']);
      h.client.subscribe(CLUSTER_TYPE, ['b']);
      h.run();
      assert.deepEqual(h.recorder.take(), ['+CDS b=1']);
      h.client.unsubscribe(CLUSTER_TYPE, ['a']);
      h.run();
      h.recorder.take();
      h.server().update(snapshot({ ...whole, [CLUSTER_TYPE]: { a: '2', b: '2' } }), '2');
      h.run();
      assert.deepEqual(h.recorder.take(), ['+CDS b=2']);
    });

    test('a name that does not exist yet is served when it does', () => {
      const h = make();
      h.client.subscribe(ROUTE_TYPE, ['r2']);
      h.connect(snapshot(whole), '1');
      h.run();
      h.recorder.take();
      h.server().update(snapshot({ ...whole, [ROUTE_TYPE]: { r2: '1' } }), '2');
      h.run();
      assert.deepEqual(h.recorder.take(), ['+RDS r2=1']);
    });

    test('a listener that goes away is removed', () => {
      const h = make();
      likeAProxy(h);
      h.connect(snapshot(whole), '1');
      h.run();
      h.recorder.take();
      h.server().update(snapshot({ ...whole, [LISTENER_TYPE]: {} }), '2');
      h.run();
      assert.deepEqual(h.recorder.take(), ['-LDS l']);
    });

    test('updates coalesce while the client owes an answer', () => {
      const h = make();
      h.client.subscribe(LISTENER_TYPE, '*');
      h.connect(snapshot({ [LISTENER_TYPE]: { l: '1' } }), '1');
      for (const content of ['2', '3', '4']) h.server().update(snapshot({ [LISTENER_TYPE]: { l: content } }), content);
      h.run();
      assert.deepEqual(h.recorder.take(), ['+LDS l=1', '+LDS l=4']);
    });

    test('what was given up before a reconnect is had again after it', () => {
      const h = make();
      h.client.subscribe(CLUSTER_TYPE, '*');
      h.client.subscribe(ENDPOINT_TYPE, ['a']);
      const both = snapshot({ [CLUSTER_TYPE]: { a: '1' }, [ENDPOINT_TYPE]: { a: '1', b: '1' } });
      h.connect(both, '1');
      h.run();
      h.client.unsubscribe(ENDPOINT_TYPE, ['a']);
      h.run();
      h.recorder.take();
      h.connect(both, '1');
      h.run();
      h.client.subscribe(ENDPOINT_TYPE, ['a']);
      h.client.subscribe(ENDPOINT_TYPE, ['b']);
      h.run();
      assert.deepEqual(
        h.recorder.take().filter((line) => line.includes('EDS')),
        ['+EDS a=1', '+EDS b=1'],
      );
    });

    test('whatever happens, in the end the client has exactly the newest snapshot', () => {
      const contents = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('1', '2'));
      const state = fc.record({ clusters: contents, route: fc.constantFrom('1', '2'), listeners: fc.boolean() });
      const step = fc.record({ state, isReconnect: fc.boolean(), isRest: fc.boolean() });
      const types = ({ clusters, route, listeners }: { clusters: Record<string, string>; route: string; listeners: boolean }) => ({
        [CLUSTER_TYPE]: clusters,
        [ENDPOINT_TYPE]: Object.fromEntries(Object.keys(clusters).map((cluster) => [cluster, '1'])),
        [LISTENER_TYPE]: listeners ? { l: '1' } : {},
        [ROUTE_TYPE]: { r: route },
      });
      fc.assert(
        fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
          const h = make();
          likeAProxy(h);
          h.connect(new Map(), '0');
          const held = new Map<string, string>();
          const rest = (): void => {
            h.run();
            h.server().release();
            h.run();
          };
          for (const [i, { state: next, isReconnect, isRest }] of steps.entries()) {
            if (isReconnect) h.connect(snapshot(types(next)), String(i));
            else h.server().update(snapshot(types(next)), String(i));
            if (isRest) rest();
          }
          rest();
          for (const line of h.recorder.history) {
            const [sign, type, name = '', content = ''] = line.split(/(?<=^[+-])|[ =]/);
            if (sign === '+') held.set(`${type} ${name}`, content);
            else held.delete(`${type} ${name}`);
          }
          const last = steps.at(-1)?.state;
          assert.ok(last !== undefined);
          const shown = (type: string): Record<string, string> =>
            Object.fromEntries([...held].filter(([key]) => key.startsWith(type)).map(([key, content]) => [key.slice(4), content]));
          assert.deepEqual(shown('CDS'), { ...last.clusters });
          assert.deepEqual(shown('LDS'), last.listeners ? { l: '1' } : {});
          if (last.listeners) assert.deepEqual(shown('RDS'), { r: last.route });
          for (const cluster of Object.keys(last.clusters)) assert.equal(shown('EDS')[cluster], '1');
          assert.equal(h.server().isSettled, true);
        }),
        { numRuns: 300 },
      );
    });

    test('a client that waits for everything is told that there is nothing', () => {
      const h = make();
      h.client.subscribe(LISTENER_TYPE, '*');
      h.connect(new Map(), '1');
      assert.deepEqual(h.run(), ['LDS']);
    });
  });
}

test('delta: virtual hosts come by the table, by the name asked for, or not at all', () => {
  const recorder = new Recorder();
  const client = new AdsClient(node, recorder);
  client.subscribe(VIRTUAL_HOST_TYPE, ['t', 't/a.com', 't/none']);
  client.connected();
  const host = (name: string, aliases: string[], hasContent = true) => ({
    name,
    aliases,
    version: '1',
    ...(hasContent && { resource: { typeUrl: VIRTUAL_HOST_TYPE, value: resource(name, 'c').bytes } }),
  });
  const resources = [host('t/pushed', []), host('other', ['t/a.com']), host('t/none', [], false), host('u/b.com', ['u/b.com'])];
  client.received(create(DeltaDiscoveryResponseSchema, { typeUrl: VIRTUAL_HOST_TYPE, nonce: '1', resources }));
  assert.deepEqual(recorder.log, ['+VHDS t/pushed=c', '+VHDS other=c', '-VHDS t/none']);
});

for (const { name, client, messages } of [
  { name: 'delta', client: new AdsClient(node, new Recorder()), messages: ['', '-*', '*'] },
  // who names nothing asks for everything, so that nothing can be said
  { name: 'state of the world', client: new SotwAdsClient(node, new Recorder()), messages: ['', ''] },
]) {
  test(`${name}: all of a type are given up, and asked for again`, () => {
    const said: string[] = [];
    const drain = (): void => {
      for (const request of client.drain()) {
        if ('resourceNames' in request) said.push(request.resourceNames.join(' '));
        else said.push([...request.resourceNamesSubscribe, ...request.resourceNamesUnsubscribe.map((each) => `-${each}`)].join(' '));
      }
    };
    client.connected();
    client.subscribe(SCOPED_ROUTE_TYPE, '*');
    drain();
    client.unsubscribe(SCOPED_ROUTE_TYPE, '*');
    client.unsubscribe(SCOPED_ROUTE_TYPE, '*');
    drain();
    client.subscribe(SCOPED_ROUTE_TYPE, '*');
    drain();
    assert.deepEqual(said, messages);
  });
}

test('delta: a name that does not exist is said to be removed', () => {
  const server = createDeltaSession(new Map(), '1');
  const recorder = new Recorder();
  const client = new AdsClient(node, recorder);
  client.subscribe(ROUTE_TYPE, ['nowhere']);
  for (const request of client.connected()) server.receive(request);
  for (const response of server.drain()) client.received(response);
  assert.deepEqual(recorder.take(), ['-RDS nowhere']);
});

for (const { name, client } of [
  { name: 'delta', client: new AdsClient(node, new Recorder()) },
  { name: 'state of the world', client: new SotwAdsClient(node, new Recorder()) },
]) {
  test(`${name}: health is said when it changes and again on each stream, the node once`, () => {
    client.health(false, 'starting');
    const [first, ...none] = client.connected();
    assert.deepEqual([first?.typeUrl, first?.errorDetail?.message, first?.node?.id], [HEALTH_TYPE, 'starting', node.id]);
    assert.deepEqual(none, []);
    client.health(true);
    const [second] = client.drain();
    assert.deepEqual([second?.typeUrl, second?.errorDetail, second?.node], [HEALTH_TYPE, undefined, undefined]);
    assert.equal(client.connected()[0]?.errorDetail, undefined);
  });
}
