/** Reads each text once, whoever asks for it: the mesh is built from it, and histories and plans tell what it changes. */
import { type Loaded, parseDocuments } from './load.ts';

/** The last text of each file, and what it holds. */
const last = new Map<string, { readonly text: string; readonly loaded: Loaded }>();
/** Files that are remembered. */
const FILES_MAX = 100_000;

/** `parseDocuments`, with the same answer for the same text of a file as long as no other text of it was asked for. */
export function parseOnce(file: string, text: string): Loaded {
  const known = last.get(file);
  if (known?.text === text) return known.loaded;
  if (last.size >= FILES_MAX) last.clear();
  const loaded = parseDocuments(file, text);
  last.set(file, { text, loaded });
  return loaded;
}
