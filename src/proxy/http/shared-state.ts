/**
 * Filter state that goes along to connections upstream (`shared_with_upstream`): to the next connection within the
 * process (`once`), or to all that follow one another (`transitive`). Envoy: FilterState::StreamSharing.
 */
import type { StreamInfo } from './stream-info.ts';

export type Sharing = 'once' | 'transitive';

/** Values by key, and which of them go on further. */
export interface SharedState {
  readonly values: ReadonlyMap<string, string>;
  readonly transitive: ReadonlySet<string>;
}

/** Sets a value of a stream's filter state; shared with nobody where `sharing` is undefined. */
export function setFilterState(info: Pick<StreamInfo, 'filterState' | 'sharing'>, key: string, value: string, sharing?: Sharing): void {
  (info.filterState ??= new Map()).set(key, value);
  if (sharing !== undefined) (info.sharing ??= new Map()).set(key, sharing);
  else info.sharing?.delete(key);
}

/** What a connection upstream gets of a stream's filter state; undefined for nothing. */
export function sharedStateOf({ filterState, sharing }: Pick<StreamInfo, 'filterState' | 'sharing'>): SharedState | undefined {
  if (filterState === undefined || sharing === undefined || sharing.size === 0) return undefined;
  const values = new Map<string, string>();
  const transitive = new Set<string>();
  for (const [key, how] of sharing) {
    const value = filterState.get(key);
    if (value === undefined) continue;
    values.set(key, value);
    if (how === 'transitive') transitive.add(key);
  }
  return { values, transitive };
}

/** The filter state that a connection begins with, where it got `shared`. */
export function stateFrom(shared: SharedState | undefined): Pick<StreamInfo, 'filterState' | 'sharing'> {
  if (shared === undefined) return {};
  const sharing = new Map([...shared.transitive].map((key) => [key, 'transitive'] as const));
  return { filterState: new Map(shared.values), ...(sharing.size === 0 ? {} : { sharing }) };
}
