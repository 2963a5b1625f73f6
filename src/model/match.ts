/** Matching of one string. `regex` is RE2 and matches the whole; `present` any value, even empty. */
export type StringMatch =
  | { readonly kind: 'exact'; readonly value: string }
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'suffix'; readonly value: string }
  | { readonly kind: 'regex'; readonly value: string }
  | { readonly kind: 'present' };

/** Matching of a path: xDS has no matcher for its end. */
export type PathMatch = Exclude<StringMatch, { readonly kind: 'suffix' }>;

/** Which workloads something applies to: all labels equal; an empty selector is every workload in scope. */
export type LabelSelector = Readonly<Record<string, string>>;

/** True where `labels` carries every label of `selector`. */
export function selects(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  for (const key of Object.keys(selector)) if (labels[key] !== selector[key]) return false;
  return true;
}
