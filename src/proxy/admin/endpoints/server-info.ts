import { RESTART_VERSION } from '../../restart/protocol.ts';
import { type AdminEndpoint, json } from '../endpoint.ts';

/** `/server_info`: version, state, uptime and node, in the shape of envoy.admin.v3.ServerInfo. */
export const serverInfo: AdminEndpoint = {
  path: '/server_info',
  method: 'GET',
  help: 'print server version/status information',
  handle(_query, proxy) {
    const uptime = `${Math.max(0, Math.floor((Date.now() - proxy.startedMs) / 1000))}s`;
    return json({
      version: proxy.version,
      state: proxy.state(),
      hot_restart_version: `tulle.${RESTART_VERSION}`,
      command_line_options: {},
      node: proxy.node,
      uptime_current_epoch: uptime,
      uptime_all_epochs: uptime,
    });
  },
};
