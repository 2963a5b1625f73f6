/** The keys. */
import { isHelpOpen, PAGES } from '../state/shortcuts.ts';
import { Dialog } from './dialog.tsx';

const KEYS: readonly (readonly [string, string])[] = [
  ['/', 'search'],
  ['?', 'these keys'],
  ['t', 'light or dark'],
  ['Esc', 'close what is open'],
  ...PAGES.map(({ key, title }): [string, string] => [`g ${key}`, title]),
  ['+ − 0', 'in the graph: larger, smaller, all of it'],
  ['← ↑ → ↓', 'in the graph: move it'],
  ['Tab, Enter', 'in the graph: next service, select it'],
];

export function Help() {
  return (
    <Dialog isOpen={isHelpOpen} label="Keyboard shortcuts">
      <h2>Keys</h2>
      <dl class="keys">
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
