/** Endpoints by EDS name, asked for as long as some cluster needs them. */
import type { AdsResource } from '../../xds/client.ts';
import { type ClusterLoadAssignment, ClusterLoadAssignmentSchema } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ENDPOINT_TYPE } from '../../xds/types.ts';
import { applyEach, type Subscriptions } from './subscriptions.ts';
import { readLogged, type ResourceLog } from './resource-log.ts';
import { decodeResource } from './typed-config.ts';

/** A cluster as far as endpoints go. */
export interface EndpointUser {
  readonly edsName: string | undefined;
  update(assignment: ClusterLoadAssignment): void;
}

interface Entry {
  readonly users: Set<EndpointUser>;
  last: ClusterLoadAssignment | undefined;
}

export class EndpointStore {
  readonly #entries = new Map<string, Entry>();
  readonly #subscriptions: Subscriptions;
  readonly #resources: ResourceLog;

  constructor(subscriptions: Subscriptions, resources: ResourceLog) {
    this.#subscriptions = subscriptions;
    this.#resources = resources;
  }

  /** Gives a cluster its endpoints: at once where they are known, and on every change. */
  use(user: EndpointUser): void {
    const name = user.edsName;
    if (name === undefined) return;
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      this.#entries.set(name, (entry = { users: new Set(), last: undefined }));
      this.#subscriptions.subscribe(ENDPOINT_TYPE, [name]);
    }
    entry.users.add(user);
    if (entry.last !== undefined) user.update(entry.last);
  }

  /** A cluster is gone. The last one ends the subscription. */
  release(user: EndpointUser): void {
    const name = user.edsName;
    const entry = name === undefined ? undefined : this.#entries.get(name);
    if (name === undefined || entry?.users.delete(user) !== true || entry.users.size > 0) return;
    this.#entries.delete(name);
    this.#resources.remove(ENDPOINT_TYPE, name);
    this.#subscriptions.unsubscribe(ENDPOINT_TYPE, [name]);
  }

  /** Throws ConfigError for those that cannot be used; their clusters keep what they have. */
  receive(resources: readonly AdsResource[]): void {
    applyEach(resources, (resource) => {
      const entry = this.#entries.get(resource.name);
      if (entry === undefined) return;
      const message = readLogged(this.#resources, resource, ClusterLoadAssignmentSchema, () => {
        const read = decodeResource(resource.any, ClusterLoadAssignmentSchema, '');
        for (const user of entry.users) user.update(read);
        return read;
      });
      entry.last = message;
      this.#resources.put({ ...resource, schema: ClusterLoadAssignmentSchema, message, isStatic: false }, 'active');
    });
  }
}
