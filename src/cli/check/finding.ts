/** What a check found. */
export interface Finding {
  readonly name: string;
  readonly result: 'ok' | 'warning' | 'failed';
  readonly detail: string;
  /** What to do; '' where nothing is to be done. */
  readonly hint: string;
}

/** A finding that all is well. */
export function ok(name: string, detail: string): Finding {
  return { name, result: 'ok', detail, hint: '' };
}

/** A finding that keeps the mesh from working. */
export function failed(name: string, detail: string, hint: string): Finding {
  return { name, result: 'failed', detail, hint };
}

/** A finding that someone should know of. */
export function warning(name: string, detail: string, hint: string): Finding {
  return { name, result: 'warning', detail, hint };
}
