import { Bag, type Bagged, NOWHERE } from '../../core/bag.ts';
import type { Connection } from '../../net/connection.ts';
import type { Host, Transport } from './cluster.ts';

/** A connection of a host. */
interface Open extends Bagged {
  readonly connection: Connection;
}

/**
 * `close_connections_on_host_health_failure`: connections that carry bytes end when their host fails. Those of HTTP finish
 * their requests whatever the cluster says.
 */
export class FailureCloser {
  readonly #byHost = new WeakMap<Host, Bag<Open>>();

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
            handlers.onConnect(connection, tls);
            // not before: whoever gets it says what happens after its end
            if (!connection.isClosed) this.#watch(this.#connectionsOf(host), connection);
          },
        });
      },
    };
  }

  #connectionsOf(host: Host): Bag<Open> {
    let connections = this.#byHost.get(host);
    if (connections === undefined) this.#byHost.set(host, (connections = new Bag()));
    return connections;
  }

  #watch(connections: Bag<Open>, connection: Connection): void {
    const open = connections.add({ connection, place: NOWHERE });
    const { afterClose } = connection;
    connection.afterClose = () => {
      connections.delete(open);
      afterClose?.();
    };
  }

  hostFailed(host: Host): void {
    for (const { connection } of this.#byHost.get(host)?.values() ?? []) connection.destroy('host failed');
  }
}
