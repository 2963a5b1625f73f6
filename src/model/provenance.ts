/** Where a piece of configuration came from; carried by everything in the model into what proxies get. */
export interface Provenance {
  /** Resource kind as written, e.g. `VirtualService`. */
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Path as the source names it, relative to the watched folder. */
  readonly file: string;
  /** 1-based line of the field (or of the resource). */
  readonly line: number;
  /** Path from the resource's root, e.g. `spec.http[1]`; empty for the whole resource. */
  readonly field: string;
}

/** What is wrong, or worth knowing, about what a user wrote. An error keeps the resource out of the mesh. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning' | 'info';
  /** Stable code, `TUL001`..; the table stands in docs. */
  readonly code: string;
  /** What was written, what will happen, and how to mend it. */
  readonly message: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** `Kind namespace/name` where the resource is known. */
  readonly resource?: string;
  readonly field?: string;
}
