/**
 * Subset balancing: a request asks for hosts by metadata, and any other policy chooses among those that have it. Which
 * subset a request's criteria stand for is found once and remembered as long as hosts stay as they are: routes keep their
 * criteria. Envoy: Subset, and LbSubsetConfig.
 */
import type { Host, PickContext } from '../cluster.ts';
import type { ClusterHost } from '../host.ts';
import type { Picker, PickerFactory, PickScope } from './picker.ts';
import {
  combinations,
  type Criteria,
  fallbacksOf,
  keysText,
  lbMetadata,
  matchesAll,
  pairsText,
  restrict,
  sortedPairs,
} from './subset-keys.ts';

/** Where a request goes whose subset has no hosts. */
export type SubsetFallback = 'none' | 'any' | 'default';

export interface SubsetSelector {
  /** Sorted. */
  readonly keys: readonly string[];
  /** Undefined: as the policy says; a list of keys: a subset by those alone. */
  readonly fallback: SubsetFallback | readonly string[] | undefined;
  /** Each subset is the first host that has its values, healthy or not. */
  readonly isSingleHost: boolean;
}

export interface SubsetRule {
  readonly fallback: SubsetFallback;
  /** Metadata of the hosts that 'default' falls back to. */
  readonly defaults: Criteria;
  readonly selectors: readonly SubsetSelector[];
  /** Requests may ask for keys that no selector has. */
  readonly allowsRedundantKeys: boolean;
  readonly isLocalityWeightAware: boolean;
  readonly scalesLocalityWeight: boolean;
  /** Where also the fallback has no host, any is taken. */
  readonly panicsToAny: boolean;
  readonly listAsAny: boolean;
  /** `fallback_list` of the criteria is tried one after the other. */
  readonly triesFallbackList: boolean;
}

/** Hosts with equal metadata. */
interface Subset {
  readonly hosts: ClusterHost[];
  readonly isSingleHost: boolean;
}

/** What criteria lead to. */
interface Resolution {
  readonly pick: Picker;
  readonly kind: 'selected' | 'fallback' | 'none';
}

const NOBODY: Picker = () => undefined;
const NONE: Resolution = { pick: NOBODY, kind: 'none' };

/** Subsets by the text of their keys and values. */
function groupHosts(hosts: readonly ClusterHost[], rule: SubsetRule, scope: PickScope): ReadonlyMap<string, Subset> {
  const subsets = new Map<string, Subset>();
  let duplicates = 0;
  for (const host of hosts) {
    for (const { keys, isSingleHost } of rule.selectors) {
      for (const pairs of combinations(lbMetadata(host), keys, rule.listAsAny)) {
        const text = pairsText(pairs);
        let subset = subsets.get(text);
        if (subset === undefined) subsets.set(text, (subset = { hosts: [], isSingleHost }));
        if (subset.hosts.includes(host)) continue;
        subset.hosts.push(host);
        if (subset.isSingleHost && subset.hosts.length > 1) duplicates++;
      }
    }
  }
  scope.stats.gauge('lb_subsets_active').value = subsets.size;
  if (rule.selectors.some(({ isSingleHost }) => isSingleHost))
    scope.stats.gauge('lb_subsets_single_host_per_subset_duplicate').value = duplicates;
  return subsets;
}

/** Weights of localities within a subset: none, those of the cluster, or those by how much of the locality is in the subset. */
function localityWeights(all: readonly ClusterHost[], subset: readonly ClusterHost[], rule: SubsetRule, scope: PickScope): PickScope {
  if (!rule.isLocalityWeightAware) return { ...scope, localityWeightOf: () => 0 };
  if (!rule.scalesLocalityWeight) return scope;
  const placeOf = ({ endpoint }: ClusterHost): string => `${endpoint.priority} ${endpoint.locality}`;
  const whole = Map.groupBy(all, placeOf);
  const part = Map.groupBy(subset, placeOf);
  return {
    ...scope,
    localityWeightOf(host) {
      const share = (part.get(placeOf(host))?.length ?? 0) / (whole.get(placeOf(host))?.length ?? 1);
      return Math.round(scope.localityWeightOf(host) * share);
    },
  };
}

class SubsetChoice {
  readonly #hosts: readonly ClusterHost[];
  readonly #rule: SubsetRule;
  readonly #scope: PickScope;
  readonly #child: PickerFactory;
  readonly #subsets: ReadonlyMap<string, Subset>;
  readonly #pickers = new Map<Subset, Picker>();
  readonly #known = new WeakMap<Criteria, Resolution>();
  readonly #lists = new WeakMap<Criteria, readonly Criteria[]>();
  readonly #selectors: ReadonlyMap<string, SubsetSelector>;
  /** Selectors with most keys come first; of equally many the first. */
  readonly #byKeys: readonly SubsetSelector[];
  readonly #selected;
  readonly #fellBack;
  readonly #panicked;
  readonly #withoutCriteria: Resolution;
  #any: Picker | undefined;
  #default: Picker | undefined;

  constructor(hosts: readonly ClusterHost[], rule: SubsetRule, scope: PickScope, child: PickerFactory) {
    this.#hosts = hosts;
    this.#rule = rule;
    this.#scope = scope;
    this.#child = child;
    this.#subsets = groupHosts(hosts, rule, scope);
    this.#selectors = new Map(rule.selectors.map((selector) => [keysText(selector.keys), selector]));
    this.#byKeys = rule.selectors.toSorted((a, b) => b.keys.length - a.keys.length);
    this.#selected = scope.stats.counter('lb_subsets_selected');
    this.#fellBack = scope.stats.counter('lb_subsets_fallback');
    this.#panicked = scope.stats.counter('lb_subsets_fallback_panic');
    this.#withoutCriteria = this.#fallback(rule.fallback, 'fallback');
  }

  /** A picker over some of the hosts. */
  #over(hosts: readonly ClusterHost[]): Picker {
    return this.#child(hosts, localityWeights(this.#hosts, hosts, this.#rule, this.#scope));
  }

  #pickAny(): Picker {
    return (this.#any ??= this.#over(this.#hosts));
  }

  #pickDefault(): Picker {
    const { defaults, listAsAny } = this.#rule;
    return (this.#default ??= this.#over(this.#hosts.filter((host) => matchesAll(lbMetadata(host), defaults, listAsAny))));
  }

  #fallback(fallback: SubsetFallback, kind: Resolution['kind']): Resolution {
    if (fallback === 'none') return NONE;
    return { pick: fallback === 'any' ? this.#pickAny() : this.#pickDefault(), kind };
  }

  #pickerOf(subset: Subset): Picker {
    let picker = this.#pickers.get(subset);
    if (picker === undefined) {
      const [first] = subset.hosts.toSorted((a, b) => a.priority - b.priority);
      picker = subset.isSingleHost ? () => first : this.#over(subset.hosts);
      this.#pickers.set(subset, picker);
    }
    return picker;
  }

  /** What `criteria` ask for, without keys that no selector has, where those are allowed. */
  #relevant(criteria: Criteria): Criteria {
    if (!this.#rule.allowsRedundantKeys) return criteria;
    const selector = this.#byKeys.find(({ keys }) => keys.every((key) => Object.hasOwn(criteria, key)));
    return selector === undefined ? criteria : restrict(criteria, selector.keys);
  }

  #resolve(asked: Criteria): Resolution {
    const criteria = this.#relevant(asked);
    const pairs = sortedPairs(criteria);
    const subset = this.#subsets.get(pairsText(pairs));
    if (subset !== undefined) return { pick: this.#pickerOf(subset), kind: 'selected' };
    const fallback = this.#selectors.get(keysText(pairs.map(([key]) => key)))?.fallback;
    if (fallback === undefined) return this.#withoutCriteria;
    if (typeof fallback === 'string') return this.#fallback(fallback, 'none');
    return this.#resolve(restrict(criteria, fallback));
  }

  #resolutionOf(criteria: Criteria | undefined): Resolution {
    if (criteria === undefined) return this.#withoutCriteria;
    let resolution = this.#known.get(criteria);
    if (resolution === undefined) this.#known.set(criteria, (resolution = this.#resolve(criteria)));
    return resolution;
  }

  #pickOne(criteria: Criteria | undefined, context: PickContext, attempt: number): Host | undefined {
    const { pick, kind } = this.#resolutionOf(criteria);
    const host = pick(context, attempt);
    if (kind === 'selected') this.#selected.value++;
    if (kind !== 'fallback') return host;
    if (host !== undefined) {
      this.#fellBack.value++;
      return host;
    }
    if (!this.#rule.panicsToAny) return undefined;
    const any = this.#pickAny()(context, attempt);
    if (any !== undefined) this.#panicked.value++;
    return any;
  }

  #listOf(criteria: Criteria): readonly Criteria[] {
    let list = this.#lists.get(criteria);
    if (list === undefined) this.#lists.set(criteria, (list = fallbacksOf(criteria) ?? [criteria]));
    return list;
  }

  pick(context: PickContext, attempt: number): Host | undefined {
    const { criteria } = context;
    if (criteria === undefined || !this.#rule.triesFallbackList) return this.#pickOne(criteria, context, attempt);
    for (const variant of this.#listOf(criteria)) {
      const host = this.#pickOne(variant, context, attempt);
      if (host !== undefined) return host;
    }
    return undefined;
  }
}

/** Chooses among the hosts that the criteria of a pick ask for, by `child`. */
export function subsets(rule: SubsetRule, child: PickerFactory): PickerFactory {
  return (hosts, scope) => {
    const choice = new SubsetChoice(hosts, rule, scope, child);
    return (context, attempt) => choice.pick(context, attempt);
  };
}
