/** Whether the mesh that runs with a state directory is healthy. */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { messageOf } from '../../core/errors.ts';
import { callControl, callSocket } from '../admin-client.ts';
import { CliError } from '../errors.ts';
import { heldText, HELD_HINT, rolloutText } from '../history/held.ts';
import { isObject, type JsonObject, objectAt, objectsOf, rowsAt, textOf } from '../json.ts';
import { formatAge } from '../output.ts';
import type { StateDir } from '../state-dir.ts';
import { findStateDir } from '../state-dir.ts';
import { proxyName, refusals, syncStatus } from '../sync-state.ts';
import type { Finding } from './finding.ts';
import { failed, ok, warning } from './finding.ts';
import { checkLosses, LOSSES_CALL } from './losses.ts';
import { checkServices } from './services.ts';

async function rowsOf(state: StateDir, what: string): Promise<readonly JsonObject[]> {
  const answer = await callControl(state, `/api/${what}`);
  return rowsAt(answer, what);
}

function checkDiagnostic(row: JsonObject): Finding {
  const name = `${textOf(row['code'])} ${textOf(row['file'])}:${textOf(row['line'])}`;
  const field = textOf(row['field']);
  const detail = `${field === '' ? '' : `${field}: `}${textOf(row['message'])}`;
  if (row['severity'] === 'error') return failed(name, detail, 'until the file is mended the resource is left out, or stays as it was');
  return warning(name, detail, '');
}

/** What is in force: what the folder says, or something else. */
function checkVersions(answer: unknown): Finding[] {
  const rollout = isObject(answer) ? answer : {};
  const [held, under] = [heldText(rollout), rolloutText(rollout)];
  const tried = under === undefined ? [] : [ok('rollout', under)];
  if (held !== undefined) return [warning('version', held, HELD_HINT), ...tried];
  return [ok('version', `version ${textOf(rollout['version'])} is in force`), ...tried];
}

function checkSync(row: JsonObject): Finding {
  const name = `proxy ${proxyName(row)}`;
  const [refused] = refusals(row);
  if (refused !== undefined)
    return failed(name, `refused ${refused}`, 'it goes on with the former configuration; mend the resource that is named');
  const types = isObject(row['types']) ? Object.keys(row['types']) : [];
  const stale = types.filter((type) => syncStatus(row, type) === 'STALE');
  if (stale.length > 0) return warning(name, `has not answered ${stale.join(', ')} yet`, 'look again; if it stays so, see its log');
  return ok(name, 'connected, in sync');
}

function checkWorkload(workload: JsonObject, instances: readonly JsonObject[], state: StateDir): Finding {
  const [namespace, name] = [textOf(workload['namespace']), textOf(workload['name'])];
  const mine = instances.filter((instance) => instance['namespace'] === namespace && instance['workload'] === name);
  const ready = mine.filter((instance) => instance['isReady'] === true).length;
  const wanted = Number(textOf(workload['replicas']));
  const detail = `${ready} of ${wanted} ready`;
  if (ready >= wanted) return ok(`workload ${namespace}/${name}`, detail);
  return failed(`workload ${namespace}/${name}`, detail, `its logs are ${path.join(state.logs, `${name}-*.${namespace}.log`)}`);
}

/** The end of a proxy's certificate in milliseconds since the epoch, or why it is not known. */
async function certificateEnd(adminSocket: string): Promise<number | string> {
  const { status, body } = await callSocket(adminSocket, '/certs');
  if (status !== 200) return `its admin answered ${status}`;
  const answer: unknown = JSON.parse(body);
  const chains = rowsAt(answer, 'certificates').flatMap((entry) => objectsOf(entry['cert_chain']));
  const ends = chains.map((entry) => Date.parse(textOf(entry['expiration_time']))).filter(Number.isFinite);
  return ends.length === 0 ? 'it has none yet' : Math.min(...ends);
}

async function checkCertificate(folder: string, name: string): Promise<Finding> {
  const title = `certificate ${name}`;
  const hint = 'the proxy renews it while the control plane answers; see its log';
  const end = await certificateEnd(path.join(folder, name, 'admin.sock')).catch(
    (error: unknown) => `its admin does not answer: ${messageOf(error)}`,
  );
  if (typeof end === 'string') return failed(title, end, hint);
  const leftMs = end - Date.now();
  return leftMs > 0 ? ok(title, `valid for ${formatAge(leftMs)}`) : failed(title, `expired ${formatAge(-leftMs)} ago`, hint);
}

/** Listeners that a proxy accepted but could not start: a port that somebody else holds is found out only then. */
async function checkListeners(folder: string, name: string): Promise<Finding[]> {
  const { body } = await callSocket(path.join(folder, name, 'admin.sock'), '/config_dump').catch(() => ({ body: '{}' }));
  const dump: unknown = JSON.parse(body);
  const configs = rowsAt(dump, 'configs');
  const broken = configs.flatMap((part) => objectsOf(part['dynamic_listeners'])).filter((row) => isObject(row['error_state']));
  const rows = broken.map((row) => ({ listener: textOf(row['name']), reason: textOf(objectAt(row, 'error_state')['details']) }));
  // of those that it refused the proxy has told the control plane
  const unbound = rows.filter(({ reason }) => reason.includes('cannot listen on'));
  return unbound.map(({ listener, reason }) =>
    failed(`listener ${listener} of ${name}`, reason, 'free the port, or change what opens it; the proxy tries again by itself'),
  );
}

/** A proxy that does not answer is a finding of its certificate's. */
async function checkTelemetry(folder: string, name: string): Promise<Finding[]> {
  const { status, body } = await callSocket(path.join(folder, name, 'admin.sock'), LOSSES_CALL).catch(() => ({ status: 0, body: '' }));
  if (status !== 200) return [];
  const answer: unknown = JSON.parse(body);
  return checkLosses(name, rowsAt(answer, 'stats'));
}

/** What a mesh's parts say; one failed finding where no control plane answers. */
export async function checkMesh(stateDir: string | undefined): Promise<Finding[]> {
  try {
    const state = findStateDir(stateDir);
    const lists = ['diagnostics', 'proxies', 'workloads', 'instances', 'services'].map((what) => rowsOf(state, what));
    const [diagnostics = [], proxies = [], workloads = [], instances = [], services = []] = await Promise.all(lists);
    const names = existsSync(state.proxies) ? readdirSync(state.proxies) : [];
    const meshed = workloads.filter((workload) => workload['isMeshed'] === true);
    return [
      ok('control plane', `answers on ${state.adminSocket}`),
      ...checkVersions(await callControl(state, '/api/rollout')),
      ...diagnostics.filter((row) => row['severity'] !== 'info').map(checkDiagnostic),
      ...meshed.map((workload) => checkWorkload(workload, instances, state)),
      ...checkServices(services),
      ...proxies.map(checkSync),
      ...(await Promise.all(names.map((name) => checkCertificate(state.proxies, name)))),
      ...(await Promise.all(names.map((name) => checkListeners(state.proxies, name)))).flat(),
      ...(await Promise.all(names.map((name) => checkTelemetry(state.proxies, name)))).flat(),
    ];
  } catch (error) {
    return [failed('control plane', messageOf(error), error instanceof CliError ? error.hint : '')];
  }
}
