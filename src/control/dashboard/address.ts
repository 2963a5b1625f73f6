/** Where the dashboard listens, and what that asks for: beyond loopback a token, and TLS that keeps it from others. */
import { ConfigError } from '../../core/errors.ts';

export interface DashboardAddress {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** True where another port is taken if this one is in use. */
  readonly isAnyPort: boolean;
  readonly isLoopback: boolean;
}

/** Where `auto` is. */
const DASHBOARD_PORT = 15_080;
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|localhost|::1)$/;

/** True for names and addresses that only this machine reaches. */
export function isLoopbackHost(host: string): boolean {
  return LOOPBACK.test(host);
}

/** Reads `auto`, `host:port` or `[v6]:port`. Throws ConfigError. */
export function readDashboardAddress(text: string): DashboardAddress {
  if (text === 'auto') return { host: '127.0.0.1', port: DASHBOARD_PORT, isAnyPort: true, isLoopback: true };
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw new ConfigError('--dashboard-address', `"${text}" is neither host:port nor auto`);
  const host = match[1] ?? match[2] ?? '';
  return { host, port, isAnyPort: false, isLoopback: isLoopbackHost(host) };
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
