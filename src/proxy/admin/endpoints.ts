/** The table of admin endpoints, in the order of `/help`. */
import type { AdminEndpoint } from './endpoint.ts';
import { crashLoop, drainListeners, healthcheckFail, healthcheckOk, hotRestart, quitquitquit, reopenLogs } from './endpoints/actions.ts';
import { certs } from './endpoints/certs.ts';
import { clusters } from './endpoints/clusters.ts';
import { configDump } from './endpoints/config-dump.ts';
import { listeners } from './endpoints/listeners.ts';
import { logging } from './endpoints/logging.ts';
import { memory } from './endpoints/memory.ts';
import { ready } from './endpoints/ready.ts';
import { serverInfo } from './endpoints/server-info.ts';
import { prometheusStats, stats } from './endpoints/stats.ts';

export const endpoints: readonly AdminEndpoint[] = [
  certs,
  clusters,
  configDump,
  ...(process.env['TULLE_FAULTS'] === '1' ? [crashLoop] : []),
  drainListeners,
  healthcheckFail,
  healthcheckOk,
  hotRestart,
  listeners,
  logging,
  memory,
  quitquitquit,
  ready,
  reopenLogs,
  serverInfo,
  stats,
  prometheusStats,
];
