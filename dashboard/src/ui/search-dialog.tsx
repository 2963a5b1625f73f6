/** Finds services, workloads, policies, routes and pages by their names. */
import { useSignal } from '@preact/signals';
import type { Topology } from '../../../src/model/topology.ts';
import type { RouteSet } from '../model/admin.ts';
import { matchesWords } from '../model/filters.ts';
import type { Policy } from '../model/policies.ts';
import { useTopology } from '../state/mesh.ts';
import { usePoll } from '../state/poll.ts';
import { navigate, pathOf, servicePath, withParams, workloadPath } from '../state/router.ts';
import { isSearchOpen, PAGES } from '../state/shortcuts.ts';
import { Dialog } from './dialog.tsx';

interface Hit {
  readonly kind: string;
  readonly name: string;
  readonly note: string;
  readonly to: string;
}

const HITS_MAX = 12;
const REFRESH_MS = 30_000;

function meshHits({ services, workloads }: Topology): Hit[] {
  return [
    ...services.map(({ name, namespace, hostname, isExternal }): Hit => {
      const to = isExternal ? pathOf('services', 'external', hostname) : servicePath(namespace, name);
      return { kind: 'service', name: isExternal ? hostname : name, note: namespace, to };
    }),
    ...workloads.map(({ name, namespace, role }): Hit => {
      return { kind: role === 'router' ? 'gateway' : 'workload', name, note: namespace, to: workloadPath(namespace, name) };
    }),
  ];
}

function writtenHits(policies: readonly Policy[], routes: readonly RouteSet[]): Hit[] {
  return [...policies, ...routes].map(({ name, namespace, origin }): Hit => {
    const place = `${origin.file}:${origin.line}`;
    return { kind: origin.kind, name, note: `${namespace}, ${place}`, to: withParams({ source: place }) };
  });
}

function useHits(text: string): readonly Hit[] {
  const topology = useTopology().value.value;
  const policies = usePoll<{ readonly policies: readonly Policy[] }>('/api/policies', REFRESH_MS).value.value?.policies ?? [];
  const routes = usePoll<{ readonly routes: readonly RouteSet[] }>('/api/routes', REFRESH_MS).value.value?.routes ?? [];
  const all = [
    ...PAGES.map(({ path, title }): Hit => ({ kind: 'page', name: title, note: '', to: `/${path}` })),
    ...(topology === undefined ? [] : meshHits(topology)),
    ...writtenHits(policies, routes),
  ];
  const found = all.filter(({ kind, name, note }) => matchesWords(text, [kind, name, note]));
  // what begins with the text comes first
  const rank = ({ name }: Hit): number => (name.toLowerCase().startsWith(text.trim().toLowerCase()) ? 0 : 1);
  return found.toSorted((a, b) => rank(a) - rank(b)).slice(0, HITS_MAX);
}

function Results() {
  const text = useSignal('');
  const at = useSignal(0);
  const hits = useHits(text.value);
  const current = Math.min(at.value, hits.length - 1);
  const go = (hit: Hit | undefined): void => {
    if (hit === undefined) return;
    isSearchOpen.value = false;
    navigate(hit.to);
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === 'ArrowDown') at.value = Math.min(current + 1, hits.length - 1);
    else if (event.key === 'ArrowUp') at.value = Math.max(current - 1, 0);
    else if (event.key === 'Enter') go(hits[current]);
    else return;
    event.preventDefault();
  };
  const onInput = (value: string): void => {
    text.value = value;
    at.value = 0;
  };
  return (
    <>
      <input
        class="search-input"
        role="combobox"
        aria-label="Search"
        aria-expanded="true"
        aria-controls="search-hits"
        aria-activedescendant={hits.length === 0 ? undefined : `hit-${current}`}
        placeholder="Services, workloads, policies, routes, pages"
        autofocus
        spellcheck={false}
        autocomplete="off"
        value={text.value}
        onInput={({ currentTarget }) => onInput(currentTarget.value)}
        onKeyDown={onKey}
      />
      <ul id="search-hits" class="search-hits" role="listbox" aria-label="Found">
        {hits.map((hit, index) => (
          <li
            key={`${hit.kind} ${hit.name} ${hit.note}`}
            id={`hit-${index}`}
            role="option"
            aria-selected={index === current}
            onClick={() => go(hit)}
            onPointerMove={() => (at.value = index)}
          >
            <span class="hit-kind">{hit.kind}</span>
            <span class="hit-name">{hit.name}</span>
            <span class="muted">{hit.note}</span>
          </li>
        ))}
      </ul>
      {hits.length === 0 ? (
        <p class="empty" role="status">
          Nothing has this name.
        </p>
      ) : null}
    </>
  );
}

export function SearchDialog() {
  return (
    <Dialog isOpen={isSearchOpen} label="Search" class="search-dialog">
      <Results />
    </Dialog>
  );
}
