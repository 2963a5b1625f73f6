import {
  type HttpConnectionManager,
  HttpConnectionManagerSchema,
} from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { type HcmConfig, readHcm } from '../http/hcm-config.ts';
import { createRuntime } from '../http/hcm-runtime.ts';
import { serveHttp } from '../http/server-connection.ts';
import type { NetworkFilter } from './filter.ts';

/** HTTP on a connection: the terminal filter of every HTTP filter chain. Envoy: envoy.filters.network.http_connection_manager. */
export const httpConnectionManager: NetworkFilter<typeof HttpConnectionManagerSchema, HcmConfig> = {
  name: 'envoy.filters.network.http_connection_manager',
  schema: HttpConnectionManagerSchema,
  isTerminal: true,
  parse: (message: HttpConnectionManager, path) => readHcm(message, path),
  create(config, scope) {
    const runtime = createRuntime(config, scope);
    return (connection, downstream) => {
      serveHttp(connection, downstream, runtime);
      return true;
    };
  },
};
