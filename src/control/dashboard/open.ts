/** Opens the dashboard of a control plane where it is asked for. */
import { ConfigError } from '../../core/errors.ts';
import type { ControlState } from '../control-state.ts';
import { checkToken, readDashboardAddress } from './address.ts';
import { meshCalls } from './mesh-calls.ts';
import { type Dashboard, serveDashboard, type ServerCertificate } from './server.ts';
import { createTool, type Self } from './tool.ts';

/** How the dashboard is asked for. */
export interface DashboardSetup {
  /** `host:port`, or `auto`: loopback, with a port that is free. */
  readonly address: string;
  /** The folder of the built page. */
  readonly assets: string;
  /** How `tulle` itself is called. */
  readonly self: Self;
  /** Who shows it may look; must be given beyond loopback. */
  readonly token?: string | undefined;
  /** A Prometheus that scrapes the mesh. */
  readonly prometheusUrl?: string | undefined;
}

/** Where the dashboard is, for those who ask. */
export interface DashboardPlace {
  served: { readonly url: string; readonly asksForToken: boolean } | undefined;
}

/** A certificate lives a year; this often a new one is made. */
const RENEWAL_MS = 24 * 60 * 60 * 1000;

function checkPrometheus(url: string | undefined): void {
  if (url === undefined) return;
  const scheme = URL.canParse(url) ? new URL(url).protocol : '';
  if (scheme !== 'http:' && scheme !== 'https:') throw new ConfigError('--prometheus-url', `"${url}" is no http or https URL`);
}

/** Serves it; `certificate` makes one for a host, for addresses that others reach. Throws ConfigError. */
export async function openDashboard(
  setup: DashboardSetup,
  state: ControlState,
  {
    version,
    stateDir,
    certificate,
  }: {
    readonly version: string;
    readonly stateDir: string;
    readonly certificate: (host: string) => ServerCertificate;
  },
): Promise<Dashboard> {
  const { assets, self, token, prometheusUrl } = setup;
  const at = readDashboardAddress(setup.address);
  checkToken(at, token);
  checkPrometheus(prometheusUrl);
  const answer = meshCalls(state, { version, tool: createTool(self, stateDir), prometheusUrl });
  const tls = at.isLoopback ? undefined : certificate(at.host);
  const dashboard = await serveDashboard({ at, assets, token, tls, answer, log: state.log });
  const renewal = tls && setInterval(() => dashboard.renew(certificate(at.host)), RENEWAL_MS).unref();
  state.dashboard.served = { url: dashboard.url, asksForToken: dashboard.asksForToken };
  state.log.info('dashboard is served', { url: dashboard.url });
  return {
    ...dashboard,
    close() {
      clearInterval(renewal);
      return dashboard.close();
    },
  };
}
