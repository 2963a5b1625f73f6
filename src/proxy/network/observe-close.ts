import type { Connection } from '../../net/connection.ts';

/** Calls back when a connection has closed, besides whoever waits for that already. */
export function observeClose(connection: Connection, callback: () => void): void {
  const { afterClose } = connection;
  connection.afterClose = () => {
    callback();
    afterClose?.();
  };
}
