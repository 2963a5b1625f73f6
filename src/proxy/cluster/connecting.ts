/** Connections that are made by one and read by another. */
import type { Connection } from '../../net/connection.ts';
import type { ConnectOptions, Transport, TransportHandlers, UpstreamTls } from './cluster.ts';

/** For who wants a connection, and has others read it: `onFailed` is called where there will be none, with the cause. */
export function untilConnected(
  onConnect: (connection: Connection, tls: UpstreamTls | undefined) => void,
  onFailed: (error: string | undefined) => void,
): TransportHandlers {
  let isConnected = false;
  return {
    onConnect(connection, tls) {
      isConnected = true;
      onConnect(connection, tls);
    },
    onClose(error) {
      if (!isConnected) onFailed(error);
    },
    onData() {},
    onEnd() {},
    onDrain() {},
  };
}

/** Handlers that pass a connection on to `handlers` as `change` leaves it. */
export function passingOn(
  handlers: TransportHandlers,
  change: (connection: Connection, tls: UpstreamTls | undefined) => Connection,
): TransportHandlers {
  return untilConnected(
    (connection, tls) => {
      const changed = change(connection, tls);
      changed.read(handlers);
      handlers.onConnect(changed, tls);
    },
    (error) => handlers.onClose(error),
  );
}

/** The same transport, whose connections are as `change` leaves them. */
export function changing(
  inner: Transport,
  change: (connection: Connection, tls: UpstreamTls | undefined, options: ConnectOptions) => Connection,
): Transport {
  return {
    isTls: inner.isTls,
    passesState: inner.passesState,
    connect(host, options, handlers) {
      const changed = passingOn(handlers, (connection, tls) => change(connection, tls, options));
      inner.connect(host, options, changed);
    },
  };
}
