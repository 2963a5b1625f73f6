/** `tulle proxy certs`: the certificates that running proxies use, and until when they hold. */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { messageOf } from '../core/errors.ts';
import { callSocket } from './admin-client.ts';
import { newCommand, outputOption, runCommand, stateDirOption } from './command.ts';
import { CliError } from './errors.ts';
import { isObject, type JsonObject, objectsOf, textOf } from './json.ts';
import { type Column, formatAge, formatRows, type OutputFormat } from './output.ts';
import { findStateDir } from './state-dir.ts';

const DAY_MS = 86_400_000;
const WARN_MS = 7 * DAY_MS;
const RED = '\u001B[31m';
const YELLOW = '\u001B[33m';
const PLAIN = '\u001B[39m';

/** A proxy that runs, and how to reach it. */
interface Running {
  readonly name: string;
  /** A Unix socket, or `http://host:port`. */
  readonly admin: string;
}

/** Proxies of a mesh whose name is `workload`, with or without instance number and namespace; all without one. */
function runningProxies(stateDir: string | undefined, workload: string | undefined): Running[] {
  const state = findStateDir(stateDir);
  const names = existsSync(state.proxies) ? readdirSync(state.proxies).toSorted() : [];
  const wanted = names.filter((name) => {
    if (workload === undefined) return true;
    const [instance = ''] = name.split('.', 1);
    return [name, instance, instance.replace(/-\d+$/, '')].includes(workload);
  });
  const found = wanted
    .map((name) => ({ name, admin: path.join(state.proxies, name, 'admin.sock') }))
    .filter(({ admin }) => existsSync(admin));
  if (found.length > 0) return found;
  throw new CliError(workload === undefined ? 'no proxy runs' : `no proxy of ${workload} runs`, 'tulle status lists the proxies of a mesh');
}

/** A proxy by the address of its admin interface: a socket's path, or host and port. */
function proxyAt(address: string): Running {
  return { name: address, admin: address.includes('/') || existsSync(address) ? address : `http://${address}` };
}

async function fetchCerts({ name, admin }: Running): Promise<readonly JsonObject[]> {
  try {
    const body = admin.startsWith('http://') ? await (await fetch(`${admin}/certs`)).text() : (await callSocket(admin, '/certs')).body;
    const answer: unknown = JSON.parse(body);
    return objectsOf(isObject(answer) ? answer['certificates'] : undefined);
  } catch (cause) {
    throw new CliError(`the admin interface of ${name} does not answer: ${messageOf(cause)}`, 'is it running?', { cause });
  }
}

/** All names of a certificate: its alternative names, or its subject. */
function namesOf(certificate: JsonObject): string {
  const names = objectsOf(certificate['subject_alt_names']).flatMap((name) => Object.values(name).map(textOf));
  return names.join(' ') || textOf(certificate['subject']) || '-';
}

/** One row a certificate of a proxy, with everybody who uses it. */
export function certificateRows(proxy: string, entries: readonly JsonObject[]): JsonObject[] {
  const rows = new Map<string, { row: JsonObject; users: Set<string> }>();
  for (const entry of entries) {
    for (const kind of ['cert_chain', 'ca_cert'] as const) {
      for (const certificate of objectsOf(entry[kind])) {
        const serial = textOf(certificate['serial_number']);
        const key = `${kind} ${serial} ${textOf(certificate['issuer'])}`;
        const row = {
          proxy,
          kind: kind === 'ca_cert' ? 'trusted' : 'own',
          secret: textOf(certificate['path']),
          names: namesOf(certificate),
          serial,
          validFrom: textOf(certificate['valid_from']),
          notAfter: textOf(certificate['expiration_time']),
        };
        const known = rows.get(key) ?? { row, users: new Set<string>() };
        const user = textOf(entry['used_by']);
        if (user !== '') known.users.add(user);
        rows.set(key, known);
      }
    }
  }
  return [...rows.values()].map(({ row, users }) => ({ ...row, usedBy: [...users].toSorted() }));
}

/** How long a certificate still holds, in a colour that says how urgent that is. */
function expiry(row: JsonObject, nowMs: number, hasColours: boolean): string {
  const notAfter = textOf(row['notAfter']);
  const leftMs = Date.parse(notAfter) - nowMs;
  const text = leftMs < 0 ? `${notAfter} (expired ${formatAge(-leftMs)} ago)` : `${notAfter} (in ${formatAge(leftMs)})`;
  if (!hasColours || leftMs > WARN_MS) return text;
  return `${leftMs < 0 ? RED : YELLOW}${text}${PLAIN}`;
}

function users(row: JsonObject): string {
  const all = Array.isArray(row['usedBy']) ? row['usedBy'].map(textOf) : [];
  if (all.length === 0) return '-';
  return all.length > 2 ? `${all.slice(0, 2).join(', ')} and ${all.length - 2} more` : all.join(', ');
}

/** The table's columns; the last may have colours, which would spoil the others' widths. */
export function certificateColumns(nowMs: number, hasColours: boolean): readonly Column[] {
  const column = (title: string, field: string): Column => ({ title, cell: (row) => textOf(row[field]) || '-' });
  return [
    column('PROXY', 'proxy'),
    column('KIND', 'kind'),
    column('NAMES', 'names'),
    column('SERIAL', 'serial'),
    { title: 'IN USE BY', cell: users },
    { title: 'NOT AFTER', cell: (row) => expiry(row, nowMs, hasColours) },
  ];
}

interface Flags {
  readonly admin?: string;
  readonly stateDir?: string;
  readonly output: OutputFormat;
}

async function certs(workload: string | undefined, flags: Flags): Promise<void> {
  const proxies = flags.admin === undefined ? runningProxies(flags.stateDir, workload) : [proxyAt(flags.admin)];
  const answers = await Promise.all(proxies.map(async (proxy) => certificateRows(proxy.name, await fetchCerts(proxy))));
  const hasColours = process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === '';
  process.stdout.write(formatRows(answers.flat(), certificateColumns(Date.now(), hasColours), flags.output));
}

const EXAMPLES = [
  ['tulle proxy certs', 'of all proxies of the mesh'],
  ['tulle proxy certs payments -o json', 'of one workload, for programs'],
  ['tulle proxy certs --admin 127.0.0.1:15000', 'of a proxy that runs by itself'],
] as const;

/** Runs the command. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('proxy certs', 'Lists the certificates that running proxies use, and until when they hold.', EXAMPLES)
    .argument('[workload]', 'a workload, or one instance of it')
    .option('--admin <address>', "the proxy's admin interface: host and port, or a socket's path")
    .addOption(stateDirOption())
    .addOption(outputOption())
    .action(certs);
  await runCommand(command, args);
}
