import type { Connection } from '../../net/connection.ts';
import type { Host, Transport } from './cluster.ts';

/** Connections above which those that have closed are looked for. */
const MANY = 32;

/** The connections of one host; those that have closed are dropped now and then. */
class Connections {
  readonly #open = new Set<Connection>();
  #prunesAt = MANY;

  add(connection: Connection): void {
    this.#open.add(connection);
    if (this.#open.size < this.#prunesAt) return;
    for (const each of this.#open) if (each.isClosed) this.#open.delete(each);
    this.#prunesAt = Math.max(MANY, 2 * this.#open.size);
  }

  close(): void {
    const connections = [...this.#open];
    this.#open.clear();
    for (const each of connections) each.destroy('host failed');
  }
}

/**
 * `close_connections_on_host_health_failure`: connections that carry bytes end when their host fails. Those of HTTP finish
 * their requests whatever the cluster says.
 */
export class FailureCloser {
  readonly #byHost = new WeakMap<Host, Connections>();

  /** The same transport, whose connections are known. */
  watching(inner: Transport): Transport {
    return {
      isTls: inner.isTls,
      passesState: inner.passesState,
      connect: (host, options, handlers) => {
        // who speaks HTTP says what it offers by ALPN
        if (options.alpnFallback !== undefined) return inner.connect(host, options, handlers);
        inner.connect(host, options, {
          ...handlers,
          onConnect: (connection, tls) => {
            this.#connectionsOf(host).add(connection);
            handlers.onConnect(connection, tls);
          },
        });
      },
    };
  }

  #connectionsOf(host: Host): Connections {
    let connections = this.#byHost.get(host);
    if (connections === undefined) this.#byHost.set(host, (connections = new Connections()));
    return connections;
  }

  hostFailed(host: Host): void {
    this.#byHost.get(host)?.close();
  }
}
