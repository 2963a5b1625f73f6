import { messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { formatAddress, type NetAddress } from '../net/address.ts';
import { adminAddressOf } from '../proxy/admin-view.ts';
import { type Predecessor, takeOver } from '../proxy/restart/take-over.ts';
import type { Bootstrap } from '../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { CliError, usageError } from './errors.ts';

/** `127.0.0.1:15000`, `[::1]:15000`, or the path of a Unix socket. */
function readAdminAddress(text: string): NetAddress {
  if (text.startsWith('/')) return { host: text, port: 0 };
  const [, host = '', port = ''] = /^\[?([^\]]+)\]?:(\d+)$/.exec(text) ?? [];
  if (port === '') throw usageError(`--restart ${text} is no admin address`, 'it is 127.0.0.1:15000, or the path of a Unix socket');
  return { host, port: Number(port) };
}

function adminOf(bootstrap: Bootstrap): NetAddress {
  const address = adminAddressOf(bootstrap);
  if (address !== undefined && 'path' in address) return { host: address.path, port: 0 };
  if (address !== undefined && address.port !== 0) return address;
  throw new CliError('the bootstrap has no admin address by which the running proxy is found', 'say --restart <its admin address>');
}

/**
 * The running proxy that is to be taken over from: by its admin address, or that of our own bootstrap. Undefined where none
 * runs: then there is nothing to take over. Throws CliError where one runs that does not hand over.
 */
export async function findPredecessor(bootstrap: Bootstrap, given: string | undefined, log: Log): Promise<Predecessor | undefined> {
  const admin = given === undefined ? adminOf(bootstrap) : readAdminAddress(given);
  let found: Predecessor | undefined;
  try {
    found = await takeOver(admin);
  } catch (error) {
    throw new CliError(messageOf(error), 'it goes on as it was', { cause: error });
  }
  if (found === undefined) log.info('no proxy runs that could be taken over from', { admin: formatAddress(admin) });
  return found;
}
