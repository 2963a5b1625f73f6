/** Keys that work on every page. */
import { signal } from '@preact/signals';
import type { IconName } from '../ui/icon.tsx';
import { navigate, param, setParams } from './router.ts';
import { switchTheme } from './theme.ts';

interface PageEntry {
  readonly path: string;
  readonly title: string;
  readonly icon: IconName;
  /** After `g`. */
  readonly key: string;
}

export const PAGES: readonly PageEntry[] = [
  { path: '', title: 'Graph', icon: 'graph', key: 'g' },
  { path: 'services', title: 'Services', icon: 'services', key: 's' },
  { path: 'workloads', title: 'Workloads', icon: 'workloads', key: 'w' },
  { path: 'tap', title: 'Live tap', icon: 'tap', key: 't' },
  { path: 'denials', title: 'Denials', icon: 'denials', key: 'd' },
  { path: 'explain', title: 'Explain', icon: 'explain', key: 'e' },
  { path: 'analysis', title: 'Analysis', icon: 'analysis', key: 'a' },
  { path: 'control', title: 'Control plane', icon: 'control', key: 'c' },
];

export const isSearchOpen = signal(false);
export const isHelpOpen = signal(false);

/** How long `g` waits for the key after it. */
const CHORD_MS = 1_200;
let chordAtMs = 0;

function isTyping({ target }: KeyboardEvent): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || ['INPUT', 'SELECT', 'TEXTAREA'].includes(target.tagName));
}

/** Closes what is uppermost. */
function escape(): void {
  if (isHelpOpen.value || isSearchOpen.value) {
    isHelpOpen.value = false;
    isSearchOpen.value = false;
  } else if (param('source') !== '') setParams({ source: '' });
  else if (param('select') !== '') setParams({ select: '' }, true);
  else if (param('focus') !== '') setParams({ focus: '', depth: '' }, true);
}

const ACTIONS: Readonly<Record<string, () => void>> = {
  '/': () => (isSearchOpen.value = true),
  '?': () => (isHelpOpen.value = !isHelpOpen.value),
  t: switchTheme,
  g: () => (chordAtMs = performance.now()),
};

/** Handles a key that nothing else wanted. */
export function onShortcut(event: KeyboardEvent): void {
  if (event.key === 'Escape') return escape();
  if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
  const isChord = performance.now() - chordAtMs < CHORD_MS;
  const page = isChord ? PAGES.find(({ key }) => key === event.key) : undefined;
  const action = page === undefined ? ACTIONS[event.key] : () => navigate(`/${page.path}`);
  chordAtMs = 0;
  if (action === undefined) return;
  event.preventDefault();
  action();
}
