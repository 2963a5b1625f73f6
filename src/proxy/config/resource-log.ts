/** What came as configuration, in force or not, for whoever asks (the admin interface). */
import type { DescMessage, Message } from '@bufbuild/protobuf';
import type { Clock } from '../../core/clock.ts';
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
  /** What waited is in force. */
  activate(typeUrl: string, name: string): void;
  remove(typeUrl: string, name: string): void;
  all(): Iterable<ConfigResource>;
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

/** An empty log. Of each resource the one in force, the one that waits, and the last one refused are kept. */
export function createResourceLog(clock: Clock): ResourceLog {
  const entries = new Map<string, Map<ConfigResource['state'], Logged>>();
  const keyOf = (typeUrl: string, name: string): string => `${typeUrl} ${name}`;
  return {
    put(arrival, state, error = '') {
      const key = keyOf(arrival.typeUrl, arrival.name);
      const states = entries.get(key) ?? new Map<ConfigResource['state'], Logged>();
      entries.set(key, states);
      if (state !== 'refused') states.delete('refused');
      if (state === 'active') states.delete('warming');
      states.set(state, { arrival, updatedMs: clock.wallMs(), error });
    },
    activate(typeUrl, name) {
      const states = entries.get(keyOf(typeUrl, name));
      const waiting = states?.get('warming');
      if (states === undefined || waiting === undefined) return;
      states.delete('warming');
      states.set('active', waiting);
    },
    remove(typeUrl, name) {
      entries.delete(keyOf(typeUrl, name));
    },
    *all() {
      for (const states of entries.values()) for (const [state, logged] of states) yield shown(logged, state);
    },
  };
}
