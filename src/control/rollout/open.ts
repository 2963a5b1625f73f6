/** Opens the versions of a mesh: what was kept of them, the model that goes by them, and who takes them from step to step. */
import { messageOf } from '../../core/errors.ts';
import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { Compiler } from '../compiler.ts';
import type { ConnectedProxy } from '../control-state.ts';
import { lastCommit } from '../history/git.ts';
import { createKeeper, readTimeline } from '../history/keeper.ts';
import { HistoryStore } from '../history/store.ts';
import type { Metrics } from '../metrics.ts';
import type { FileTexts } from '../sources/files.ts';
import type { KeptTexts } from '../sources/last-good.ts';
import { RolloutRunner } from './runner.ts';
import { type Timeline, versionOf } from './timeline.ts';
import { readTraffic } from './traffic.ts';
import { VersionedModel } from './versioned-model.ts';

/** Where versions are kept, and what meshes are built by. */
export interface OpenOptions {
  /** The folder that is watched. */
  readonly folder: string;
  readonly stateDir: string;
  readonly compiler: Compiler;
  /** Texts of the resources in force, as they were kept. */
  readonly formerTexts: KeptTexts;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Versions of one control plane. */
export interface OpenVersions {
  readonly model: VersionedModel;
  readonly runner: RolloutRunner;
  /** The texts of a version; undefined where there is none. Rejects where they are gone. */
  texts(number: number): Promise<FileTexts | undefined>;
  /** Begins to look at proxies. */
  start(connections: Iterable<ConnectedProxy>): void;
  close(): Promise<void>;
}

async function textsOf(store: HistoryStore, timeline: Timeline, number: number | undefined, log: Log): Promise<FileTexts | undefined> {
  const version = number === undefined ? undefined : versionOf(timeline, number);
  if (version === undefined) return undefined;
  return store.texts(version).catch((error: unknown) => {
    log.warn('the texts of a version are gone; the folder counts', { version: version.number, error: messageOf(error) });
    return undefined;
  });
}

/** Reads what was kept in the state directory. `onChange` is told when something was decided. */
export async function openVersions(options: OpenOptions, onChange: (isBuilding: boolean) => void): Promise<OpenVersions> {
  const { folder, stateDir, compiler, formerTexts, clock, log, metrics } = options;
  // loaded late, so that tests of the shell do without the compiler
  const { resourceChanges: changes } = await import('../../compile/changes/resource-changes.ts');
  const store = new HistoryStore(stateDir, log);
  const { versions, state } = await store.read();
  const timeline = readTimeline(versions, state);
  const nowMs = (): number => clock.wallMs();
  const onEdit = (number: number): void => {
    void lastCommit(folder).then((commit) => commit && model.describe(number, commit));
  };
  const model = new VersionedModel({ compiler, changes, keeper: createKeeper(store, timeline), nowMs, log, onChange, onEdit });
  const stable = await textsOf(store, timeline, timeline.stable, log);
  model.restore(formerTexts, timeline, stable, await textsOf(store, timeline, timeline.candidate?.number, log));
  let proxies: Iterable<ConnectedProxy> = [];
  const runner = new RolloutRunner({
    model,
    proxies: () => proxies,
    trafficOf: (nodeId) => readTraffic(stateDir, nodeId),
    nowMs: () => clock.monotonicMs(),
    log,
    metrics,
  });
  return {
    model,
    runner,
    async texts(number) {
      const version = versionOf(model.timeline, number);
      return version && store.texts(version);
    },
    start(connections) {
      proxies = connections;
      runner.wake();
    },
    async close() {
      runner.close();
      await store.close();
    },
  };
}
