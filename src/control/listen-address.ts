/** Addresses that a control plane is told to listen on, and whether others can reach them. */
import { ConfigError } from '../core/errors.ts';

export interface HostPort {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|localhost|::1)$/;

/** True for names and addresses that only this machine reaches. */
export function isLoopbackHost(host: string): boolean {
  return LOOPBACK.test(host);
}

/** Reads `host:port` or `[v6]:port`. Throws ConfigError naming the option, and what it takes. */
export function readHostPort(text: string, option: string, taken = 'host:port'): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw new ConfigError(option, `"${text}" is not ${taken}`);
  return { host: match[1] ?? match[2] ?? '', port };
}

/** The same of what must stay on this machine. */
export function readLoopback(text: string, option: string): HostPort {
  const address = readHostPort(text, option);
  if (isLoopbackHost(address.host)) return address;
  throw new ConfigError(option, `${address.host} can be reached from other machines, and this address is not encrypted; use loopback`);
}
