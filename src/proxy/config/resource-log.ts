/** What came as configuration, in force or not, for whoever asks (the admin interface). */
import { create, type DescMessage, fromBinary, type Message } from '@bufbuild/protobuf';
import type { Clock } from '../../core/clock.ts';
import { ConfigError } from '../../core/errors.ts';
import type { AdsResource } from '../../xds/client.ts';
import type { ConfigResource } from '../admin/view.ts';

/** A decoded resource with where it came from. */
export interface Arrival {
  readonly name: string;
  readonly typeUrl: string;
  readonly version: string;
  readonly schema: DescMessage;
  /** Read when somebody looks at it: where it is a getter, the message need not be kept. */
  readonly message: Message;
  readonly isStatic: boolean;
}

export interface ResourceLog {
  /** A resource arrived, and is in this state. Replaces what was known of that state. */
  put(arrival: Arrival, state: ConfigResource['state'], error?: string): void;
  /** A resource arrived, and cannot be used: what it says is shown beside the reason, also where it is nothing that we know. */
  refuse(resource: AdsResource, schema: DescMessage, error: ConfigError): void;
  /** What is known already came again: the version between, which was refused, counts no more. */
  again(typeUrl: string, name: string): void;
  /** What waited is in force. */
  activate(typeUrl: string, name: string): void;
  remove(typeUrl: string, name: string): void;
  all(): Iterable<ConfigResource>;
}

/** What arrived and was refused: whoever looks at it reads it without asking whether we obey it. */
class Refused implements Arrival {
  readonly name: string;
  readonly typeUrl: string;
  readonly version: string;
  readonly schema: DescMessage;
  readonly isStatic = false;
  readonly #bytes: Uint8Array;

  constructor({ name, typeUrl, version, any }: AdsResource, schema: DescMessage) {
    this.name = name;
    this.typeUrl = typeUrl;
    this.version = version;
    this.schema = schema;
    // a copy: a view would keep all of its response
    this.#bytes = new Uint8Array(any);
  }

  get message(): Message {
    try {
      return fromBinary(this.schema, this.#bytes);
    } catch {
      // bytes that are no message at all
      return create(this.schema);
    }
  }
}

/** Reads a resource. What is refused (ConfigError) is put into the log, and thrown on. */
export function readLogged<T>(log: Pick<ResourceLog, 'refuse'>, resource: AdsResource, schema: DescMessage, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ConfigError) log.refuse(resource, schema, error);
    throw error;
  }
}

/** What is known of an arrival. */
interface Logged {
  readonly arrival: Arrival;
  readonly updatedMs: number;
  readonly error: string;
}

function shown({ arrival, updatedMs, error }: Logged, state: ConfigResource['state']): ConfigResource {
  const { name, typeUrl, version, schema, isStatic } = arrival;
  return {
    name,
    typeUrl,
    version,
    schema,
    get message() {
      return arrival.message;
    },
    updatedMs,
    isStatic,
    state,
    error,
  };
}

/** A resource's states, in the order in which they are shown. A `Map` for each would take six times the memory. */
interface States {
  active: Logged | undefined;
  warming: Logged | undefined;
  refused: Logged | undefined;
}

const SHOWN = ['active', 'warming', 'refused'] as const;

/** An empty log. Of each resource the one in force, the one that waits, and the last one refused are kept. */
export function createResourceLog(clock: Clock): ResourceLog {
  const types = new Map<string, Map<string, States>>();
  const ofType = (typeUrl: string): Map<string, States> => {
    const known = types.get(typeUrl) ?? new Map<string, States>();
    types.set(typeUrl, known);
    return known;
  };
  const put: ResourceLog['put'] = (arrival, state, error = '') => {
    const entries = ofType(arrival.typeUrl);
    const states = entries.get(arrival.name) ?? { active: undefined, warming: undefined, refused: undefined };
    entries.set(arrival.name, states);
    if (state !== 'refused') states.refused = undefined;
    if (state === 'active') states.warming = undefined;
    states[state] = { arrival, updatedMs: clock.wallMs(), error };
  };
  return {
    put,
    // a resource is its own root: a path that begins with a dot is one without a root
    refuse: (resource, schema, { message }) => put(new Refused(resource, schema), 'refused', message.replace(/^\./, '')),
    again(typeUrl, name) {
      const states = types.get(typeUrl)?.get(name);
      if (states !== undefined) states.refused = undefined;
    },
    activate(typeUrl, name) {
      const states = types.get(typeUrl)?.get(name);
      if (states?.warming === undefined) return;
      states.active = states.warming;
      states.warming = undefined;
    },
    remove(typeUrl, name) {
      types.get(typeUrl)?.delete(name);
    },
    *all() {
      for (const entries of types.values()) {
        for (const states of entries.values()) {
          for (const state of SHOWN) {
            const logged = states[state];
            if (logged !== undefined) yield shown(logged, state);
          }
        }
      }
    },
  };
}
