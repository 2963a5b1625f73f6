/** The admin API's calls about versions: what was applied, and what people wish of it. Changes over the Unix socket only. */
import { messageOf, ProtocolError } from '../../core/errors.ts';
import { isObject } from '../../core/object.ts';
import { defaultRolloutPolicy } from '../../model/rollout.ts';
import type { Version } from '../history/version.ts';
import { readPolicy } from '../rollout/policy-json.ts';
import { rollbackTarget } from '../rollout/timeline.ts';
import type { VersionedModel, Wish } from '../rollout/versioned-model.ts';
import { viewHistory, viewRollout } from '../rollout/view.ts';
import type { FileTexts } from '../sources/files.ts';
import { checkPrivate, type Exchange, readBody } from './exchange.ts';

/** A whole folder may come in a body. */
const FOLDER_BYTES_MAX = 64 * 1024 * 1024;

type Body = Readonly<Record<string, unknown>>;

async function bodyOf(exchange: Exchange): Promise<Body> {
  checkPrivate(exchange, 'versions are changed');
  const body = await readBody(exchange.request, FOLDER_BYTES_MAX);
  if (isObject(body)) return body;
  throw new ProtocolError('bad_body', 400, 'the body must be a JSON object');
}

function wishOf({ by, message }: Body): Wish {
  return { by: typeof by === 'string' ? by : '', message: typeof message === 'string' ? message : '' };
}

function entered({ number }: Version, exchange: Exchange): object {
  return { entered: number, ...viewRollout(exchange.state.versions.model) };
}

async function textsOf({ state }: Exchange, number: number): Promise<FileTexts> {
  const texts = await state.versions.texts(number).catch((error: unknown) => {
    throw new ProtocolError('gone', 410, `the content of version ${number} is gone: ${messageOf(error)}`);
  });
  if (texts === undefined) throw new ProtocolError('no_version', 404, `there is no version ${number}`);
  return texts;
}

/** `GET /api/history`: the versions, newest first, and what is in force, tried and held back. */
export function getHistory({ state }: Exchange): object {
  return { folder: state.folder, ...viewHistory(state.versions.model) };
}

/** `GET /api/history/<version>`: what the files held. */
export async function getVersion(exchange: Exchange): Promise<object> {
  // Secrets are among them
  checkPrivate(exchange, 'the content of versions is read');
  const number = Number(exchange.pathname.split('/').at(-1));
  return { version: number, files: Object.fromEntries(await textsOf(exchange, number)) };
}

/** `GET /api/rollout`. */
export function getRollout({ state }: Exchange): object {
  return { folder: state.folder, ...viewRollout(state.versions.model) };
}

/** `POST /api/rollback` `{ version?, by, message }`: without a version the last good one; a rollout under way ends. */
export async function rollBack(exchange: Exchange): Promise<object> {
  const body = await bodyOf(exchange);
  const { model } = exchange.state.versions;
  const { version } = body;
  if (version === undefined && model.candidate !== undefined) return endRollout(exchange, body);
  if (version !== undefined && !Number.isSafeInteger(version))
    throw new ProtocolError('bad_field', 400, `"version" must be the number of a version, not ${JSON.stringify(version)}`);
  const number = version === undefined ? rollbackTarget(model.timeline)?.number : Number(version);
  if (number === undefined) throw new ProtocolError('no_version', 409, 'there is no former version to go back to');
  if (number === model.timeline.stable) throw new ProtocolError('in_force', 409, `version ${number} is in force already`);
  const texts = await textsOf(exchange, number);
  const { by, message } = wishOf(body);
  const said = message === '' ? `rolled back to version ${number}` : `rolled back to version ${number}: ${message}`;
  return { target: number, ...entered(model.rollback(texts, { by, message: said }), exchange) };
}

function triedNumber({ candidate }: VersionedModel): number {
  if (candidate === undefined) throw new ProtocolError('no_rollout', 409, 'no rollout is under way');
  return candidate.number;
}

function endRollout(exchange: Exchange, body: Body): object {
  const { model } = exchange.state.versions;
  const { by, message } = wishOf(body);
  const number = triedNumber(model);
  model.revert('withdrawn', message === '' ? 'ended by hand' : message, by);
  return { withdrawn: number, ...viewRollout(model) };
}

/** `POST /api/release` `{ by, message }`: the folder counts again. */
export async function release(exchange: Exchange): Promise<object> {
  const body = await bodyOf(exchange);
  return entered(exchange.state.versions.model.release(wishOf(body)), exchange);
}

function filesIn({ files }: Body): FileTexts {
  const entries = isObject(files) ? Object.entries(files) : [];
  const texts = entries.flatMap(([file, text]): [string, string][] => (typeof text === 'string' ? [[file, text]] : []));
  if (texts.length > 0 && texts.length === entries.length) return new Map(texts.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  throw new ProtocolError('bad_field', 400, '"files" must be an object of texts by path, and not empty');
}

/**
 * `POST /api/apply` `{ files, by, message, policy? }`: step by step where there is a policy, here or in the mesh;
 * `policy: null` puts it into force for all at once.
 */
export async function applyFiles(exchange: Exchange): Promise<object> {
  const body = await bodyOf(exchange);
  const { model } = exchange.state.versions;
  const inForce = model.policy;
  const { policy } = body;
  const read = policy === undefined ? inForce : policy === null ? undefined : readPolicy(policy, inForce ?? defaultRolloutPolicy);
  return entered(model.apply(filesIn(body), wishOf(body), read), exchange);
}

/** `POST /api/rollout/promote` `{ by }`: everybody gets the version that is tried, now. */
export async function promoteNow(exchange: Exchange): Promise<object> {
  await bodyOf(exchange);
  const { model } = exchange.state.versions;
  const number = triedNumber(model);
  model.promote();
  return { promoted: number, ...viewRollout(model) };
}

/** `POST /api/rollout/abort` `{ by, message }`: nobody gets the version any more. */
export async function abortNow(exchange: Exchange): Promise<object> {
  return endRollout(exchange, await bodyOf(exchange));
}
