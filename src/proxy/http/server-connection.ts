/** Which version of HTTP a downstream connection speaks: as configured, by ALPN, or by its first bytes. */
import type { Connection } from '../../net/connection.ts';
import type { DownstreamConnection } from '../listener/connection.ts';
import { ConnectionLife } from './connection-life.ts';
import type { HcmRuntime } from './hcm-runtime.ts';
import { Http1Server } from './http1-server.ts';

/** Serves HTTP on a connection for as long as it lives. */
export function serveHttp(connection: Connection, downstream: DownstreamConnection, runtime: HcmRuntime): void {
  const life = new ConnectionLife(downstream, runtime);
  void new Http1Server(connection, life, runtime);
}
