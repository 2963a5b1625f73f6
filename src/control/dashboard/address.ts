/** Where the dashboard listens, and what that asks for: beyond loopback a token, and TLS that keeps it from others. */
import { ConfigError } from '../../core/errors.ts';
import { type HostPort, isLoopbackHost, readHostPort } from '../listen-address.ts';

/** Where the dashboard listens. */
export interface DashboardAddress extends HostPort {
  /** True where another port is taken if this one is in use. */
  readonly isAnyPort: boolean;
  readonly isLoopback: boolean;
}

/** Where `auto` is. */
const DASHBOARD_PORT = 15_080;

/** Reads `auto`, `host:port` or `[v6]:port`. Throws ConfigError. */
export function readDashboardAddress(text: string): DashboardAddress {
  if (text === 'auto') return { host: '127.0.0.1', port: DASHBOARD_PORT, isAnyPort: true, isLoopback: true };
  const address = readHostPort(text, '--dashboard-address', 'host:port or auto');
  return { ...address, isAnyPort: false, isLoopback: isLoopbackHost(address.host) };
}

const TOKEN_CHARS_MIN = 16;

/** Refuses an address that others can reach without a token, and tokens that can be guessed. Throws ConfigError. */
export function checkToken({ host, isLoopback }: DashboardAddress, token: string | undefined): void {
  if (token !== undefined && token.length < TOKEN_CHARS_MIN)
    throw new ConfigError(
      '--dashboard-token-file',
      `the token is shorter than ${TOKEN_CHARS_MIN} characters; openssl rand -hex 24 makes one`,
    );
  if (!isLoopback && token === undefined)
    throw new ConfigError(
      '--dashboard-address',
      `${host} can be reached from other machines: give --dashboard-token-file, or use loopback`,
    );
}
