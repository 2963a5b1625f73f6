/**
 * The mesh in its versions: the one in force, and beside it the one that some proxies try. Texts and people's wishes go
 * in; which mesh a proxy gets comes out. What was decided goes to the history at once.
 */
import type { ResourceChange } from '../../compile/changes/resource-changes.ts';
import { ProtocolError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { Diagnostic } from '../../model/provenance.ts';
import type { RolloutPolicy } from '../../model/rollout.ts';
import type { WorkloadInstance } from '../../model/workload.ts';
import type { Compiler } from '../compiler.ts';
import { fileDigests, folderDigest } from '../history/digests.ts';
import type { Cause, Version } from '../history/version.ts';
import { MeshModel, type MeshState } from '../model.ts';
import type { FileTexts } from '../sources/files.ts';
import type { KeptTexts } from '../sources/last-good.ts';
import type { Canary } from './canary.ts';
import { type Choosable, isChosenBy } from './choice.ts';
import {
  amend,
  begin,
  type Candidate,
  digestOf,
  type Draft,
  emptyTimeline,
  folderSeen,
  promote,
  revert,
  type Timeline,
  versionOf,
} from './timeline.ts';

/** Keeps what was decided. */
export interface TimelineKeeper {
  /** `texts` are those of a version that is new. */
  keep(now: Timeline, texts: FileTexts): void;
}

/** What versions are built by, and who is told of decisions. */
export interface VersionedModelOptions {
  readonly compiler: Compiler;
  readonly changes: (before: FileTexts, after: FileTexts) => readonly ResourceChange[];
  readonly keeper: TimelineKeeper;
  readonly nowMs: () => number;
  readonly log: Log;
  /** Something was decided; a mesh has to be built and pushed, unless `isBuilding`: that is just being done. */
  readonly onChange: (isBuilding: boolean) => void;
  /** A version came by an edit of the folder: {@link VersionedModel.describe} may say later whose. */
  readonly onEdit: (number: number) => void;
}

/** Who asks for something, and why. */
export interface Wish {
  readonly by: string;
  readonly message: string;
}

interface Tried {
  readonly model: MeshModel;
  readonly texts: FileTexts;
  /** Undefined until the first step has begun: nobody has it. */
  canary: Canary | undefined;
  /** Ids that were chosen once stay chosen. */
  ids: ReadonlySet<string>;
}

const EMPTY: FileTexts = new Map();
const NOBODY: Wish = { by: '', message: '' };

function errorsOf(state: MeshState | undefined): readonly Diagnostic[] {
  return (state?.diagnostics ?? []).filter(({ severity }) => severity === 'error');
}

/** What is wrong, wherever it stands in its file. */
function troubleOf({ code, file, resource, field, message }: Diagnostic): string {
  return JSON.stringify([code, file, resource, field, message]);
}

/** The mesh in its versions. */
export class VersionedModel {
  readonly #options: VersionedModelOptions;
  #stable: MeshModel;
  #stableTexts: FileTexts = EMPTY;
  #folderTexts: FileTexts = EMPTY;
  /** What the folder holds since the last build. */
  #pending: FileTexts | undefined;
  #tried: Tried | undefined;
  #timeline: Timeline = emptyTimeline;
  #isBuilding = false;
  /** Those of the last build. */
  #instances: readonly WorkloadInstance[] = [];

  constructor(options: VersionedModelOptions) {
    this.#options = options;
    this.#stable = new MeshModel(options.compiler);
  }

  get timeline(): Timeline {
    return this.#timeline;
  }

  /** The mesh in force. */
  get state(): MeshState | undefined {
    return this.#stable.state;
  }

  /** The version that is tried, and how far it has come. */
  get candidate(): (Candidate & { readonly canary: Canary | undefined }) | undefined {
    const { candidate } = this.#timeline;
    return candidate && { ...candidate, canary: this.#tried?.canary };
  }

  /** How a new version gets into force, as the one in force says; undefined: at once. */
  get policy(): RolloutPolicy | undefined {
    return this.#stable.state?.mesh.settings.rollout;
  }

  /** The texts in force. */
  get texts(): FileTexts {
    return this.#stableTexts;
  }

  /** The texts that the resources in force were read from: of refused documents their former ones. */
  keptTexts(): KeptTexts {
    return this.#stable.keptTexts();
  }

  /** Takes over what was kept: resources in force, versions, and the texts of the version in force and the one tried. */
  restore(kept: KeptTexts, timeline: Timeline, stable: FileTexts | undefined, tried: FileTexts | undefined): void {
    this.#stable.restore(kept);
    // a past whose content is gone is no past to go back to
    if (stable === undefined) {
      this.#timeline = { ...emptyTimeline, versions: timeline.versions };
      return;
    }
    this.#timeline = tried === undefined ? { ...timeline, candidate: undefined } : timeline;
    this.#stableTexts = stable;
    this.#stable.setTexts(stable);
    if (tried === undefined) return;
    // the policy in force must be known before the folder is looked at
    this.#stable.build([]);
    this.#try(tried);
  }

  /** The folder's content became another; taken up by the next build. */
  setTexts(texts: FileTexts): void {
    this.#pending = texts;
  }

  /** Builds every version anew; the one in force is returned. */
  build(instances: readonly WorkloadInstance[]): MeshState {
    this.#isBuilding = true;
    this.#instances = instances;
    try {
      return this.#build(instances);
    } finally {
      this.#isBuilding = false;
    }
  }

  /** The mesh that a proxy gets. */
  stateFor(proxy: Choosable): MeshState | undefined {
    return this.isTrying(proxy) ? this.#tried?.model.state : this.#stable.state;
  }

  /** True where a proxy has the version that is tried. */
  isTrying(proxy: Choosable): boolean {
    const { candidate } = this.#timeline;
    const canary = this.#tried?.canary;
    if (candidate === undefined || canary === undefined) return false;
    return (
      this.#tried?.ids.has(proxy.id) === true || candidate.policy.steps.slice(0, canary.step + 1).some((step) => isChosenBy(step, proxy))
    );
  }

  /** The number of the version that a proxy gets. */
  versionFor(proxy: Choosable): number {
    return this.isTrying(proxy) ? (this.#timeline.candidate?.number ?? 0) : this.#timeline.stable;
  }

  /** Who made a version and why, known only now. */
  describe(number: number, { by, message }: Wish): void {
    if (versionOf(this.#timeline, number) !== undefined) this.#keep(amend(this.#timeline, number, { by, message }), EMPTY);
  }

  /** A step begins, or was looked at. `ids` are those who get the version with it. */
  setCanary(canary: Canary, ids: ReadonlySet<string>): void {
    if (this.#tried === undefined) return;
    const isNewStep = this.#tried.canary?.step !== canary.step;
    this.#tried.canary = canary;
    this.#tried.ids = new Set([...this.#tried.ids, ...ids]);
    if (isNewStep) this.#options.onChange(this.#isBuilding);
  }

  /** Everybody gets the version that is tried. */
  promote(): void {
    const tried = this.#tried;
    if (tried === undefined) return;
    this.#stable = tried.model;
    this.#stableTexts = tried.texts;
    this.#tried = undefined;
    this.#decide(promote(this.#timeline, this.#options.nowMs()), EMPTY);
  }

  /** Nobody gets the version any more that is tried. */
  revert(state: 'failed' | 'withdrawn', reason: string, by: string): void {
    this.#tried = undefined;
    this.#decide(revert(this.#timeline, state, reason, by, this.#options.nowMs()), EMPTY);
  }

  /** Puts a former version into force, for all at once; `texts` are its own. */
  rollback(texts: FileTexts, wish: Wish): Version {
    return this.#enter(texts, 'rollback', wish, undefined);
  }

  /** Applies texts from elsewhere than the folder; with a policy step by step. Throws ProtocolError where documents are wrong. */
  apply(texts: FileTexts, wish: Wish, policy: RolloutPolicy | undefined): Version {
    if (folderDigest(fileDigests(texts)) === digestOf(this.#timeline, this.#timeline.stable))
      throw new ProtocolError('in_force', 409, 'this is in force already');
    const model = this.#stable.fork();
    model.setTexts(texts);
    const [first, ...more] = this.#newErrors(model.build(this.#instances));
    if (first === undefined) return this.#enter(texts, 'apply', wish, policy);
    const others = more.length === 0 ? '' : ` (and ${more.length} more)`;
    throw new ProtocolError('bad_documents', 422, `${first.file}:${first.line}: ${first.message}${others}`);
  }

  /** Takes the folder's content up that was held back. Throws ProtocolError where nothing is. */
  release(wish: Wish): Version {
    if (this.#timeline.hold === undefined) throw new ProtocolError('not_held', 409, 'nothing is held back: the folder is in force');
    return this.#enter(this.#folderTexts, 'release', wish, this.policy);
  }

  #build(instances: readonly WorkloadInstance[]): MeshState {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending !== undefined) this.#takeFolder(pending, instances);
    const state = this.#stable.build(instances);
    this.#noteRefused(this.#timeline.stable, errorsOf(state).length);
    this.#buildTried(instances);
    return state;
  }

  #takeFolder(texts: FileTexts, instances: readonly WorkloadInstance[]): void {
    const { timeline, isNew } = folderSeen(this.#timeline, fileDigests(texts));
    this.#folderTexts = texts;
    if (timeline.candidate === undefined) this.#tried = undefined;
    if (!isNew) {
      if (timeline !== this.#timeline) this.#decide(timeline, EMPTY);
      return;
    }
    // what is in force says how what comes gets into force
    if (timeline.stable !== 0 && this.#stable.state === undefined) this.#stable.build(instances);
    this.#timeline = timeline;
    const isFirst = timeline.stable === 0;
    const { number } = this.#enter(texts, isFirst ? 'start' : 'edit', NOBODY, isFirst ? undefined : this.policy);
    this.#options.onEdit(number);
  }

  #enter(texts: FileTexts, cause: Cause, { by, message }: Wish, policy: RolloutPolicy | undefined): Version {
    const { changes, nowMs } = this.#options;
    const draft: Draft = {
      createdAtMs: nowMs(),
      cause,
      by,
      message,
      changes: changes(this.#stableTexts, texts),
      files: fileDigests(texts),
    };
    const timeline = begin(this.#timeline, draft, policy);
    this.#tried = undefined;
    if (timeline.candidate === undefined) {
      this.#stableTexts = texts;
      this.#stable.setTexts(texts);
    } else this.#try(texts);
    this.#decide(timeline, texts);
    const entered = timeline.versions.at(-1);
    if (entered === undefined) throw new Error('a version was begun');
    return entered;
  }

  #try(texts: FileTexts): void {
    const model = this.#stable.fork();
    model.setTexts(texts);
    this.#tried = { model, texts, canary: undefined, ids: new Set() };
  }

  /** Builds what is tried; what its documents have wrong that those in force have not ends it before it begins. */
  #buildTried(instances: readonly WorkloadInstance[]): void {
    const tried = this.#tried;
    const { candidate } = this.#timeline;
    if (tried === undefined || candidate === undefined) return;
    const errors = this.#newErrors(tried.model.build(instances));
    this.#noteRefused(candidate.number, errors.length);
    const [first] = errors;
    if (first !== undefined) this.revert('failed', `${first.file}:${first.line}: ${first.message}`, '');
  }

  /** Errors that the version in force has not. */
  #newErrors(state: MeshState): readonly Diagnostic[] {
    const known = new Set(errorsOf(this.#stable.state).map(troubleOf));
    return errorsOf(state).filter((each) => !known.has(troubleOf(each)));
  }

  #noteRefused(number: number, refused: number): void {
    if (versionOf(this.#timeline, number)?.refused === refused || number === 0) return;
    this.#keep(amend(this.#timeline, number, { refused }), EMPTY);
  }

  #keep(timeline: Timeline, texts: FileTexts): void {
    this.#timeline = timeline;
    this.#options.keeper.keep(timeline, texts);
  }

  #decide(timeline: Timeline, texts: FileTexts): void {
    const { hold, stable, candidate } = timeline;
    if (hold !== undefined && hold !== this.#timeline.hold) {
      this.#options.log.warn('the folder is held back; another edit or tulle rollback --release ends it', {
        version: stable,
        reason: hold.reason,
      });
    }
    if (candidate !== undefined && candidate.number !== this.#timeline.candidate?.number) {
      this.#options.log.info('a version is tried', { version: candidate.number });
    }
    this.#keep(timeline, texts);
    this.#options.onChange(this.#isBuilding);
  }
}
