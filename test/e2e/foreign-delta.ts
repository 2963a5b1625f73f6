/**
 * A server of delta ADS that shares no code with ours but the generated messages, for what comes on demand: it answers
 * each name that is asked for, with word that there is none where there is none, and says what changes and goes.
 */
import type { TestContext } from 'node:test';
import { create } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import {
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
  type Resource,
  ResourceSchema,
} from '../../src/xds/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { Bell, serveAds } from './foreign-xds.ts';

export interface Held {
  readonly any: Any;
  /** Further names that it is asked for by. Of a virtual host: without any it is sent with its table. */
  readonly aliases: readonly string[];
}

const VIRTUAL_HOST = 'type.googleapis.com/envoy.config.route.v3.VirtualHost';

/** What one stream asks for of one type, and what it was told. */
class Interest {
  readonly typeUrl: string;
  isWildcard = false;
  readonly names = new Set<string>();
  /** What it has, by name. */
  readonly sent = new Map<string, Any>();
  /** Names that it waits for a word about. */
  readonly owed = new Set<string>();

  constructor(typeUrl: string) {
    this.typeUrl = typeUrl;
  }

  hear(subscribe: readonly string[], unsubscribe: readonly string[], isFirst: boolean): void {
    if (isFirst && subscribe.length === 0) this.isWildcard = true;
    for (const name of subscribe) {
      if (name === '*') this.isWildcard = true;
      else this.names.add(name);
      this.sent.delete(name);
      if (name !== '*') this.owed.add(name);
    }
    for (const name of unsubscribe) {
      if (name === '*') this.isWildcard = false;
      this.names.delete(name);
      this.sent.delete(name);
    }
  }

  wants(name: string, { aliases }: Held): boolean {
    if (this.isWildcard || this.names.has(name) || aliases.some((alias) => this.names.has(alias))) return true;
    const table = name.slice(0, Math.max(0, name.lastIndexOf('/')));
    return this.typeUrl === VIRTUAL_HOST && aliases.length === 0 && this.names.has(table);
  }
}

export class ForeignDelta {
  readonly #types = new Map<string, Map<string, Held>>();
  readonly #streams = new Set<Map<string, Interest>>();
  readonly #bell = new Bell();
  readonly refusals: string[] = [];
  /** Names that it says nothing of as long as it has nothing by them. */
  readonly unsure = new Set<string>();
  #version = 0;

  /** Starts it on a port of loopback. */
  start(t: TestContext): Promise<number> {
    return serveAds(t, { deltaAggregatedResources: (requests) => this.#serve(requests) }, () => this.#bell.ring());
  }

  /** Changes several resources in one step; undefined takes one away. */
  say(typeName: string, changes: Readonly<Record<string, Held | undefined>>): void {
    const typeUrl = `type.googleapis.com/${typeName}`;
    const held = this.#types.get(typeUrl) ?? new Map<string, Held>();
    this.#types.set(typeUrl, held);
    for (const [name, resource] of Object.entries(changes)) {
      if (resource === undefined) held.delete(name);
      else held.set(name, resource);
    }
    this.#version++;
    this.#bell.ring();
  }

  /** Names that some proxy asks for, `*` for all. */
  asked(typeName: string): readonly string[] {
    const interests = [...this.#streams].flatMap((types) => types.get(`type.googleapis.com/${typeName}`) ?? []);
    return interests.flatMap(({ names, isWildcard }) => [...(isWildcard ? ['*'] : []), ...names]);
  }

  async *#serve(requests: AsyncIterable<DeltaDiscoveryRequest>): AsyncGenerator<DeltaDiscoveryResponse> {
    const types = new Map<string, Interest>();
    const stream = { hasEnded: false };
    this.#streams.add(types);
    const reading = this.#listen(requests, types)
      .catch(() => undefined)
      .finally(() => {
        stream.hasEnded = true;
        this.#bell.ring();
      });
    while (!stream.hasEnded) {
      for (const interest of types.values()) {
        const response = this.#responseTo(interest);
        if (response !== undefined) yield response;
      }
      await this.#bell.wait();
    }
    await reading;
    this.#streams.delete(types);
  }

  async #listen(requests: AsyncIterable<DeltaDiscoveryRequest>, types: Map<string, Interest>): Promise<void> {
    for await (const { typeUrl, errorDetail, resourceNamesSubscribe, resourceNamesUnsubscribe } of requests) {
      if (errorDetail !== undefined) this.refusals.push(errorDetail.message);
      const known = types.get(typeUrl);
      const interest = known ?? new Interest(typeUrl);
      types.set(typeUrl, interest);
      interest.hear(resourceNamesSubscribe, resourceNamesUnsubscribe, known === undefined);
      this.#bell.ring();
    }
  }

  #responseTo(interest: Interest): DeltaDiscoveryResponse | undefined {
    const { typeUrl, sent, owed } = interest;
    const held = this.#types.get(typeUrl) ?? new Map<string, Held>();
    const version = String(this.#version);
    const resources: Resource[] = [];
    for (const [name, each] of held) {
      const isOwed = [name, ...each.aliases].some((known) => owed.delete(known));
      if (!interest.wants(name, each) || (!isOwed && sent.get(name) === each.any)) continue;
      sent.set(name, each.any);
      resources.push(create(ResourceSchema, { name, version, resource: each.any, aliases: [...each.aliases] }));
    }
    const removed = [...sent.keys()].filter((name) => !held.has(name));
    for (const name of removed) sent.delete(name);
    const unknown = [...owed].filter((name) => !this.unsure.has(name));
    for (const name of unknown) {
      owed.delete(name);
      // VHDS says it by a resource without content; the name of a table is no virtual host's
      if (typeUrl !== VIRTUAL_HOST) removed.push(name);
      else if (name.includes('/')) resources.push(create(ResourceSchema, { name, version, aliases: [name] }));
    }
    if (resources.length === 0 && removed.length === 0) return undefined;
    const nonce = `${typeUrl} ${version} ${Math.random()}`;
    return create(DeltaDiscoveryResponseSchema, { typeUrl, nonce, systemVersionInfo: version, resources, removedResources: removed });
  }
}
