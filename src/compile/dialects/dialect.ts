/** What a kind's file gives: a schema, and a function from what was written to parts of the mesh. */
import type { Diagnostic, Provenance } from '../../model/provenance.ts';
import type { DiagnosticCode } from '../schema/codes.ts';
import { decode } from '../schema/decode.ts';
import { PLACE, type Located } from '../schema/located.ts';
import { createReport, type Report } from '../schema/report.ts';
import { object, oneOf, required, unsupported, type Fields, type Infer, type ObjectSchema } from '../schema/schema.ts';
import { peek, positionOfNode, type Source } from '../schema/yaml-node.ts';
import { metadataSchema } from './metadata.ts';
import type { Part } from './part.ts';

/** One accepted document. Opaque but for its identity; only `buildMesh` looks inside. */
export interface Resource {
  readonly kind: string;
  /** '' for kinds without a namespace. */
  readonly namespace: string;
  readonly name: string;
  readonly file: string;
  /** 1-based line where the resource begins. */
  readonly line: number;
  /** `VirtualService shop/payments`: unique among resources. */
  readonly key: string;
  /** Place among the file's resources, from 0. */
  readonly index: number;
  /** Milliseconds since the epoch; 0 where unknown. */
  readonly createdAt: number;
  readonly origin: Provenance;
  /** What it means, with short host names completed by `domainSuffix`. */
  readonly part: (domainSuffix: string) => Part;
}

/** What a kind's `lower` may know and say. */
export interface Lowering {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly createdAt: number;
  /** Provenance of the whole resource. */
  readonly origin: Provenance;
  readonly domainSuffix: string;
  /** Provenance of something inside. */
  originOf(owner: Located): Provenance;
  /** The host that a name means here: a name without dots is a service of the same namespace. */
  resolveHost(host: string): string;
  error(code: DiagnosticCode, owner: Located, subpath: string, message: string): void;
  warning(code: DiagnosticCode, owner: Located, subpath: string, message: string): void;
}

export interface Dialect {
  readonly kind: string;
  readonly apiVersions: readonly string[];
  readonly isNamespaced: boolean;
  /** One sentence for the reference pages. */
  readonly description: string;
  /** The whole document. */
  readonly schema: ObjectSchema;
  /** Decodes a document, or reports why it is refused. */
  read(
    source: Source,
    node: unknown,
    file: string,
    index: number,
  ): { readonly resource?: Resource; readonly diagnostics: readonly Diagnostic[] };
}

interface Definition<F extends Fields> {
  readonly kind: string;
  readonly apiVersions: readonly string[];
  readonly isNamespaced?: boolean;
  readonly description: string;
  /** Fields beside apiVersion, kind and metadata. */
  readonly fields: F;
  readonly lower: (body: Infer<ObjectSchema<F>>, lowering: Lowering) => Part;
}

/** Host names: what has a dot, or is a wildcard, stands for itself (istio's rule). */
function resolveHost(host: string, namespace: string, domainSuffix: string): string {
  if (host.includes('.') || host.includes(':') || host.startsWith('*')) return host.toLowerCase();
  return `${host.toLowerCase()}.${namespace}.svc.${domainSuffix}`;
}

/** Names a resource, in diagnostics and as key. */
export function resourceKey(kind: string, namespace: string, name: string): string {
  return namespace === '' ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}

/** Suffix that host names are completed with while a document is checked. */
const CHECKING_SUFFIX = 'cluster.local';

/** Makes a dialect of a definition; `lower` runs once while the document is checked, so that it can refuse it. */
export function defineDialect<const F extends Fields>(definition: Definition<F>): Dialect {
  const { kind, apiVersions, description, isNamespaced = true } = definition;
  const schema: ObjectSchema = object({
    apiVersion: required(oneOf(apiVersions), 'Group and version of the kind.'),
    kind: required(oneOf([kind]), 'What the document describes.'),
    metadata: required(metadataSchema, 'Name, namespace and labels.'),
    ...definition.fields,
    status: unsupported('none', 'What a controller wrote.'),
  });
  return {
    kind,
    apiVersions,
    description,
    isNamespaced,
    schema,
    read(source, node, file, index) {
      const report = createReport(file);
      const guess = { name: peek(source, node, ['metadata', 'name']) ?? '', namespace: peek(source, node, ['metadata', 'namespace']) };
      report.resource = resourceKey(kind, isNamespaced ? (guess.namespace ?? 'default') : '', guess.name);
      const decoded: unknown = decode(schema, source, node, report);
      if (decoded === undefined) return { diagnostics: report.diagnostics };
      // The two casts name what `schema` was made of above; Infer cannot see it while F is open.
      const { metadata } = decoded as { readonly metadata: Infer<typeof metadataSchema> };
      const body = decoded as Infer<ObjectSchema<F>>;
      const namespace = isNamespaced ? metadata.namespace : '';
      const { line } = positionOfNode(source, node);
      const origin: Provenance = { kind, namespace, name: metadata.name, file, line, field: '' };
      const createdAt = metadata.creationTimestamp === undefined ? 0 : Date.parse(metadata.creationTimestamp);
      const known = { name: metadata.name, namespace, labels: metadata.labels, annotations: metadata.annotations, createdAt, origin };
      const part = memoiseLast((domainSuffix) => definition.lower(body, createLowering(known, domainSuffix, report)));
      part(CHECKING_SUFFIX);
      const diagnostics = [...report.diagnostics];
      if (report.hasErrors()) return { diagnostics };
      return {
        resource: { kind, namespace, name: metadata.name, file, line, key: report.resource, index, createdAt, origin, part },
        diagnostics,
      };
    },
  };
}

type Known = Pick<Lowering, 'name' | 'namespace' | 'labels' | 'annotations' | 'createdAt' | 'origin'>;

function createLowering(known: Known, domainSuffix: string, report: Report): Lowering {
  return {
    ...known,
    domainSuffix,
    originOf: (owner) => ({ ...known.origin, line: owner[PLACE].line, field: owner[PLACE].path }),
    resolveHost: (host) => resolveHost(host, known.namespace, domainSuffix),
    error: (...said) => report.error(...said),
    warning: (...said) => report.warning(...said),
  };
}

/** Remembers the last result, so that the same suffix gives the same objects. */
function memoiseLast<T>(make: (key: string) => T): (key: string) => T {
  let last: { readonly key: string; readonly value: T } | undefined;
  return (key) => {
    if (last?.key !== key) last = { key, value: make(key) };
    return last.value;
  };
}
