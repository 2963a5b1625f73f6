/** `tulle proxy certs`: the certificates that running proxies use, and until when they hold. */
import { newCommand, outputOption, runCommand, stateDirOption } from './command.ts';
import { CliError } from './errors.ts';
import type { Tone } from './fit-table.ts';
import { type JsonObject, objectsOf, rowsAt, textOf } from './json.ts';
import { type Column, formatAge, formatRows, hasColours, type OutputFormat } from './output.ts';
import { proxyAt, readAdmin, type RunningProxy, runningProxies } from './proxy-admin.ts';

const DAY_MS = 86_400_000;
const WARN_MS = 7 * DAY_MS;

async function fetchCerts(proxy: RunningProxy): Promise<readonly JsonObject[]> {
  const answer: unknown = JSON.parse(await readAdmin(proxy, '/certs'));
  return rowsAt(answer, 'certificates');
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

/** How long a certificate still holds. */
function expiry({ notAfter }: JsonObject, nowMs: number): string {
  const leftMs = Date.parse(textOf(notAfter)) - nowMs;
  return leftMs < 0 ? `${textOf(notAfter)} (expired ${formatAge(-leftMs)} ago)` : `${textOf(notAfter)} (in ${formatAge(leftMs)})`;
}

/** How urgent that is. */
function urgency({ notAfter }: JsonObject, nowMs: number): Tone {
  const leftMs = Date.parse(textOf(notAfter)) - nowMs;
  return leftMs > WARN_MS ? 'plain' : leftMs < 0 ? 'bad' : 'warn';
}

function users(row: JsonObject): string {
  const all = Array.isArray(row['usedBy']) ? row['usedBy'].map(textOf) : [];
  if (all.length === 0) return '-';
  return all.length > 2 ? `${all.slice(0, 2).join(', ')} and ${all.length - 2} more` : all.join(', ');
}

/** The table's columns. */
export function certificateColumns(nowMs: number): readonly Column[] {
  const column = (title: string, field: string): Column => ({ title, cell: (row) => textOf(row[field]) || '-' });
  return [
    column('PROXY', 'proxy'),
    column('KIND', 'kind'),
    column('NAMES', 'names'),
    column('SERIAL', 'serial'),
    { title: 'IN USE BY', cell: users },
    { title: 'NOT AFTER', cell: (row) => expiry(row, nowMs), tone: (row) => urgency(row, nowMs) },
  ];
}

interface Flags {
  readonly admin?: string;
  readonly stateDir?: string;
  readonly output: OutputFormat;
}

/** Whom to ask. Throws CliError where no proxy of a mesh is there, which says how others are asked. */
function proxiesOf(flags: Flags, workload: string | undefined): readonly RunningProxy[] {
  if (flags.admin !== undefined) return [proxyAt(flags.admin)];
  try {
    return runningProxies(flags.stateDir, workload);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    throw new CliError(error.message, `${error.hint}; a proxy that runs by itself is asked with --admin <address>`, { cause: error });
  }
}

async function certs(workload: string | undefined, flags: Flags): Promise<void> {
  const proxies = proxiesOf(flags, workload);
  const answers = await Promise.all(proxies.map(async (proxy) => certificateRows(proxy.name, await fetchCerts(proxy))));
  process.stdout.write(formatRows(answers.flat(), certificateColumns(Date.now()), flags.output, undefined, hasColours()));
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
