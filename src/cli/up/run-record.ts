/**
 * What a supervisor has changed outside its own process, written down before it is done, so that the next one can
 * undo what a killed one left: processes, links, rules, kernel settings.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isObject, objectsOf, textOf } from '../json.ts';
import type { ProcessId } from './process-group.ts';
import { endGroup, isRunning, processId, signalGroup } from './process-group.ts';

const LEFTOVER_GRACE_MS = 1_000;

/** One step back: a command to run, or a text to write into a file of /proc/sys. */
export type Undo = { readonly command: readonly string[] } | { readonly file: string; readonly text: string };

/** The part that other programs read. */
export interface RunInfo {
  readonly role: 'up' | 'run';
  readonly mode: 'transparent' | 'explicit';
  /** Third byte of the mesh's IPv4 network 10.127.x.0/24, in transparent mode. */
  readonly network?: number;
  readonly hasIpv6?: boolean;
}

interface Saved {
  readonly supervisor: ProcessId;
  readonly info: RunInfo;
  readonly processes: readonly ProcessId[];
  readonly undo: readonly Undo[];
}

function processOf(value: unknown): ProcessId | undefined {
  if (!isObject(value) || typeof value['pid'] !== 'number') return undefined;
  return { pid: value['pid'], started: textOf(value['started']) };
}

function undoOf(value: unknown): Undo[] {
  return objectsOf(value).map((step) =>
    Array.isArray(step['command']) ? { command: step['command'].map(textOf) } : { file: textOf(step['file']), text: textOf(step['text']) },
  );
}

function infoOf(value: unknown): RunInfo {
  const info = isObject(value) ? value : {};
  return {
    role: info['role'] === 'run' ? 'run' : 'up',
    mode: info['mode'] === 'transparent' ? 'transparent' : 'explicit',
    ...(typeof info['network'] === 'number' ? { network: info['network'] } : {}),
    ...(typeof info['hasIpv6'] === 'boolean' ? { hasIpv6: info['hasIpv6'] } : {}),
  };
}

function read(file: string): Saved | undefined {
  const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (!isObject(value)) return undefined;
  const supervisor = processOf(value['supervisor']);
  if (supervisor === undefined) return undefined;
  const processes = objectsOf(value['processes']).flatMap((entry) => processOf(entry) ?? []);
  return { supervisor, info: infoOf(value['info']), processes, undo: undoOf(value['undo']) };
}

/** Takes one step back; what cannot be undone is most often undone already. */
export function undo(step: Undo): void {
  if ('command' in step) {
    const [program = '', ...args] = step.command;
    spawnSync(program, args, { stdio: 'ignore' });
    return;
  }
  try {
    writeFileSync(step.file, step.text);
  } catch {
    // the interface that it belonged to is gone
  }
}

/** The record of this process. */
export class RunRecord {
  readonly #file: string;
  readonly #supervisor: ProcessId;
  #info: RunInfo;
  #processes: ProcessId[] = [];
  #undo: Undo[] = [];

  /** `folder` is the state directory's folder of records. */
  constructor(folder: string, info: RunInfo) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#file = path.join(folder, `${process.pid}.json`);
    this.#supervisor = processId(process.pid) ?? { pid: process.pid, started: '' };
    this.#info = info;
    this.#save();
  }

  /** Says what others must know to join. */
  describe(info: RunInfo): void {
    this.#info = info;
    this.#save();
  }

  /** Notes how to undo what is about to be done. */
  willDo(...steps: readonly Undo[]): void {
    this.#undo.push(...steps);
    this.#save();
  }

  /** Notes a process that was started, and forgets those that have ended. */
  started(pid: number): void {
    const id = processId(pid);
    this.#processes = [...this.#processes.filter(isRunning), ...(id === undefined ? [] : [id])];
    this.#save();
  }

  /** Kills what still runs at once, for when there is no time to ask. */
  killAll(): void {
    for (const { pid } of this.#processes.filter(isRunning)) signalGroup(pid, 'SIGKILL');
  }

  /** Undoes everything, last first, and forgets it. May be called again. */
  undoAll(): void {
    for (const step of this.#undo.toReversed()) undo(step);
    this.#undo = [];
    rmSync(this.#file, { force: true });
  }

  #save(): void {
    const saved: Saved = { supervisor: this.#supervisor, info: this.#info, processes: this.#processes, undo: this.#undo };
    writeFileSync(`${this.#file}.new`, JSON.stringify(saved), { mode: 0o600 });
    renameSync(`${this.#file}.new`, this.#file);
  }
}

function records(folder: string): { file: string; saved: Saved }[] {
  let names: string[] = [];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  } catch {
    return []; // no supervisor has run here yet
  }
  return names.flatMap((name) => {
    const file = path.join(folder, name);
    const saved = read(file);
    return saved === undefined ? [] : [{ file, saved }];
  });
}

/** The supervisors that run now. */
export function liveRuns(folder: string): { supervisor: ProcessId; info: RunInfo }[] {
  return records(folder)
    .map(({ saved }) => saved)
    .filter(({ supervisor }) => isRunning(supervisor));
}

/** Undoes what supervisors that were killed have left; returns how many there were. */
export async function cleanLeftovers(folder: string): Promise<number> {
  const dead = records(folder).filter(({ saved }) => !isRunning(saved.supervisor));
  await Promise.all(dead.flatMap(({ saved }) => saved.processes.filter(isRunning).map(({ pid }) => endGroup(pid, LEFTOVER_GRACE_MS))));
  for (const { file, saved } of dead) {
    for (const step of saved.undo.toReversed()) undo(step);
    rmSync(file, { force: true });
  }
  return dead.length;
}
