/**
 * The last good version of every document. A document that is refused leaves its former version in force; one that is
 * deleted goes. Pure: texts in, resources and diagnostics out.
 */
import { changedElements, isSameList } from '../../compile/dialects/build/changed-positions.ts';
import { changedKeys, patchedMap } from '../../core/patched-map.ts';
import type { Diagnostic } from '../../model/provenance.ts';
import type { Compiler, Resource } from '../compiler.ts';
import type { FileTexts } from './files.ts';

interface ParsedFile {
  readonly text: string;
  /** Accepted resources, former versions of refused ones included. */
  readonly resources: readonly Resource[];
  readonly diagnostics: readonly Diagnostic[];
}

/** What is in force, and what is wrong with what was written. */
export interface Documents {
  readonly resources: readonly Resource[];
  readonly diagnostics: readonly Diagnostic[];
}

/** A text of a file, and the keys of the resources that are in force as it says. */
export interface KeptText {
  readonly text: string;
  readonly keys: readonly string[];
}

/** By file; several where documents of different ages are in force. */
export type KeptTexts = ReadonlyMap<string, readonly KeptText[]>;

/** What was said last of the texts of resources. */
interface Told {
  readonly resources: readonly Resource[];
  readonly byFile: ReadonlyMap<string, readonly Resource[]>;
  readonly texts: KeptTexts;
}

/** Former resources that an error in the new text keeps alive. */
function keptBy(errors: readonly Diagnostic[], former: readonly Resource[], accepted: ReadonlySet<string>): Resource[] {
  // an error without a resource (the YAML itself is broken) may hide any of the file's documents
  const isBlind = errors.some((error) => error.resource === undefined);
  const refused = new Set(errors.map((error) => error.resource));
  return former.filter(({ key }) => !accepted.has(key) && (isBlind || refused.has(key)));
}

/** The documents of a folder over time. */
export class LastGood {
  readonly #parse: Compiler['parseDocuments'];
  /** Those of the last update. */
  #texts: FileTexts = new Map();
  #files = new Map<string, ParsedFile>();
  /** What the last update gave; undefined before the first one. */
  #documents: Documents | undefined;
  /** The text that each resource was read from. */
  readonly #sources: WeakMap<Resource, string> = new WeakMap();
  #told: Told = { resources: [], byFile: new Map(), texts: new Map() };

  constructor(parse: Compiler['parseDocuments'], former?: LastGood) {
    this.#parse = parse;
    if (former === undefined) return;
    this.#texts = former.#texts;
    this.#files = new Map(former.#files);
    this.#documents = former.#documents;
    this.#sources = former.#sources;
  }

  /** Another one with the same past, to go on from there by itself. */
  fork(): LastGood {
    return new LastGood(this.#parse, this);
  }

  /** Takes the folder's content over. Files whose text is the same are not parsed again. */
  update(texts: FileTexts): Documents {
    const edits = this.#edits(texts);
    const documents = (edits && this.#takeEdits(edits)) ?? this.#takeAll(texts);
    this.#documents = documents;
    this.#texts = texts;
    return documents;
  }

  /** Files whose text is another than the last one; undefined where files came or went, or nothing was taken over yet. */
  #edits(texts: FileTexts): readonly (readonly [file: string, text: string])[] | undefined {
    if (this.#documents === undefined || texts.size !== this.#files.size) return undefined;
    const edits: [string, string][] = [];
    for (const file of changedKeys(this.#texts, texts)) {
      const text = texts.get(file);
      if (text === undefined || !this.#files.has(file)) return undefined;
      edits.push([file, text]);
    }
    return edits;
  }

  /** Puts what edited files hold in the place of what they held; undefined where they hold more or less, or have faults. */
  #takeEdits(edits: readonly (readonly [file: string, text: string])[]): Documents | undefined {
    if (this.#documents === undefined) return undefined;
    const resources = [...this.#documents.resources];
    for (const [file, text] of edits) {
      const former = this.#files.get(file);
      const next = this.#read(file, text, former?.resources ?? []);
      this.#files.set(file, next);
      const [first] = former?.resources ?? [];
      const isLike = former?.resources.length === next.resources.length && former.diagnostics.length + next.diagnostics.length === 0;
      if (!isLike || first === undefined) return undefined;
      resources.splice(resources.indexOf(first), next.resources.length, ...next.resources);
    }
    return { resources, diagnostics: this.#documents.diagnostics };
  }

  #takeAll(texts: FileTexts): Documents {
    const files = new Map<string, ParsedFile>();
    for (const [file, text] of texts) {
      const former = this.#files.get(file);
      files.set(file, former?.text === text ? former : this.#read(file, text, former?.resources ?? []));
    }
    this.#files = files;
    const all = [...files.values()];
    return { resources: all.flatMap(({ resources }) => resources), diagnostics: all.flatMap(({ diagnostics }) => diagnostics) };
  }

  /** The texts of these resources; for a file of which nothing changed the same list as last time. */
  textsOf(resources: readonly Resource[]): KeptTexts {
    const byFile = this.#followFiles(resources) ?? Map.groupBy(resources, (resource) => resource.file);
    const { byFile: former, texts } = this.#told;
    const changed = changedKeys(former, byFile).flatMap((file): [string, readonly KeptText[] | undefined][] => {
      const own = byFile.get(file);
      const isSame = own !== undefined && isSameList(former.get(file) ?? [], own);
      return isSame ? [] : [[file, own && this.#textsOf(own)]];
    });
    this.#told = { resources, byFile, texts: patchedMap(texts, changed) };
    return this.#told.texts;
  }

  /** The resources by file, where those of some files stand in the place of others; undefined where more has changed. */
  #followFiles(resources: readonly Resource[]): Told['byFile'] | undefined {
    const { resources: former, byFile } = this.#told;
    const changed = changedElements(former, resources);
    if (changed === undefined || changed.size === 0) return changed && byFile;
    const replaced = new Map<Resource, Resource>();
    for (const [at, resource] of changed) {
      const was = former[at];
      if (was?.file !== resource.file) return undefined;
      replaced.set(was, resource);
    }
    const files = new Set([...replaced.values()].map(({ file }) => file));
    return patchedMap(
      byFile,
      [...files].map((file) => [file, byFile.get(file)?.map((resource) => replaced.get(resource) ?? resource)]),
    );
  }

  #textsOf(own: readonly Resource[]): KeptText[] {
    const byText = Map.groupBy(own, (resource) => this.#sources.get(resource) ?? '');
    return [...byText].map(([text, read]) => ({ text, keys: read.map(({ key }) => key) }));
  }

  /** Begins with what was in force before, and gives it back; files that are not there any more go with `update`. */
  restore(kept: KeptTexts): readonly Resource[] {
    this.#documents = undefined;
    for (const [file, texts] of kept) {
      const resources = texts.flatMap(({ text, keys }) => this.#parsed(file, text).resources.filter(({ key }) => keys.includes(key)));
      // no text of a file is equal to this one, so that it is read anew
      this.#files.set(file, { text: '\0', resources, diagnostics: [] });
    }
    return [...this.#files.values()].flatMap(({ resources }) => resources);
  }

  #parsed(file: string, text: string): ReturnType<Compiler['parseDocuments']> {
    const parsed = this.#parse(file, text);
    for (const resource of parsed.resources) this.#sources.set(resource, text);
    return parsed;
  }

  #read(file: string, text: string, former: readonly Resource[]): ParsedFile {
    const { resources, diagnostics } = this.#parsed(file, text);
    const errors = diagnostics.filter(({ severity }) => severity === 'error');
    const kept = keptBy(errors, former, new Set(resources.map(({ key }) => key)));
    return { text, resources: [...resources, ...kept], diagnostics };
  }
}
