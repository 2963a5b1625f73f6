/** The admin interfaces of running proxies: those of a mesh by name, any other by its address. */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { messageOf } from '../core/errors.ts';
import { callSocket } from './admin-client.ts';
import { CliError } from './errors.ts';
import { findStateDir } from './state-dir.ts';

/** A proxy that runs, and how to reach it. */
export interface RunningProxy {
  /** `payments-v1-0.shop`. */
  readonly name: string;
  /** A Unix socket, or `http://host:port`. */
  readonly admin: string;
}

/** True where `wanted` is a proxy's whole name, its name without the namespace, or its workload's. */
function isNamed(name: string, wanted: string): boolean {
  const at = name.lastIndexOf('.');
  const [instance, namespace] = [name.slice(0, at), name.slice(at + 1)];
  const workload = instance.replace(/-\d+$/, '');
  return [name, instance, workload, `${namespace}/${instance}`, `${namespace}/${workload}`].includes(wanted);
}

/** Proxies of the mesh that `wanted` names: one, all of a workload, or all where it is undefined. Throws CliError where there is none. */
export function runningProxies(stateDir: string | undefined, wanted: string | undefined): RunningProxy[] {
  const state = findStateDir(stateDir);
  const names = existsSync(state.proxies) ? readdirSync(state.proxies).toSorted() : [];
  const found = names
    .filter((name) => wanted === undefined || isNamed(name, wanted))
    .map((name) => ({ name, admin: path.join(state.proxies, name, 'admin.sock') }))
    .filter(({ admin }) => existsSync(admin));
  if (found.length > 0) return found;
  throw new CliError(wanted === undefined ? 'no proxy runs' : `no proxy of ${wanted} runs`, 'tulle status lists the proxies of a mesh');
}

/** A proxy by the address of its admin interface: a socket's path, or host and port. */
export function proxyAt(address: string): RunningProxy {
  const url = address.replace(/^https?:\/\//, '').replace(/\/$/, '');
  return { name: address, admin: url.includes('/') || existsSync(address) ? address : `http://${url}` };
}

/** The body of `GET call` on a proxy's admin interface. Throws CliError where nobody answers, or with something else than 200. */
export async function readAdmin({ name, admin }: RunningProxy, call: string): Promise<string> {
  const answer = async (): Promise<{ status: number; body: string }> => {
    if (!admin.startsWith('http://')) return callSocket(admin, call);
    const response = await fetch(`${admin}${call}`);
    return { status: response.status, body: await response.text() };
  };
  const { status, body } = await answer().catch((cause: unknown) => {
    // fetch says only that it has failed
    const reason = messageOf(cause instanceof TypeError && cause.cause !== undefined ? cause.cause : cause);
    throw new CliError(`the admin interface of ${name} does not answer: ${reason}`, 'is it running?', { cause });
  });
  if (status !== 200) throw new CliError(`the admin interface of ${name} answered ${status} to ${call}: ${body.trim().slice(0, 200)}`);
  return body;
}
