/** Where patches are applied: which side of which proxy, and what its ports are called. */
import type { ApplyTo, ConfigPatch, PatchContext } from '../../../model/envoy-filter.ts';
import type { PatchSet } from './patches.ts';

/** Told of each patch that changes something. */
export type TellPatch = (patch: ConfigPatch) => void;

export interface Site {
  readonly patches: PatchSet;
  readonly context: PatchContext;
  /**
   * Declared ports by where the proxy listens for them, where it does not intercept: a patch for port 8080 means the
   * application's, wherever its traffic comes in.
   */
  readonly declared: Readonly<Record<number, number>>;
  /** True where each port has a listener of its own, which stand for `virtualInbound` then. */
  readonly isExplicit: boolean;
  /** Ports of Services by the port that a gateway opens for them. */
  readonly servicePorts: Readonly<Record<number, readonly number[]>>;
  readonly tell?: TellPatch;
}

/** The patches of a kind that are for the site. */
export function patchesAt({ patches, context }: Site, applyTo: ApplyTo): readonly ConfigPatch[] {
  return (patches.byKind.get(applyTo) ?? []).filter((patch) => patch.context === 'ANY' || patch.context === context);
}
