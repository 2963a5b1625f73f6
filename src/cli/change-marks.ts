import type { Change } from '../compile/changes/resource-changes.ts';

/** What stands before the name of something that an edit adds, changes or removes. */
export const CHANGE_MARKS: Readonly<Record<Change, string>> = { added: '+', changed: '~', removed: '-' };
