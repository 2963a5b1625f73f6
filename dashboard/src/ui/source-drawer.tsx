/** The YAML that `?source=file:line` names, beside the page. */
import { useEffect, useRef } from 'preact/hooks';
import { usePoll } from '../state/poll.ts';
import { param, setParams } from '../state/router.ts';
import { Icon } from './icon.tsx';
import { Notice } from './notice.tsx';

interface SourceText {
  readonly file: string;
  readonly firstLine: number;
  readonly kind: string;
  readonly text: string;
}

const REFRESH_MS = 5_000;
const close = (): void => setParams({ source: '' });

function Lines({ source, marked }: { readonly source: SourceText; readonly marked: number }) {
  const line = useRef<HTMLLIElement>(null);
  useEffect(() => line.current?.scrollIntoView({ block: 'center' }), [source.file, marked]);
  return (
    <ol class="code" start={source.firstLine}>
      {source.text.split('\n').map((text, index) => {
        const number = source.firstLine + index;
        return (
          <li
            key={number}
            value={number}
            ref={number === marked ? line : null}
            class={number === marked ? 'is-marked' : ''}
            aria-current={number === marked ? 'location' : undefined}
          >
            <span class="line-number">{number}</span>
            <code>{text === '' ? ' ' : text}</code>
          </li>
        );
      })}
    </ol>
  );
}

export function SourceDrawer() {
  const match = /^(.*):(\d+)$/.exec(param('source'));
  const [file, line] = [match?.[1] ?? '', Number(match?.[2] ?? 0)];
  const path = match === null ? '' : `/api/source?file=${encodeURIComponent(file)}&line=${line}`;
  const { value, error } = usePoll<SourceText>(path, REFRESH_MS).value;
  const button = useRef<HTMLButtonElement>(null);
  const isOpen = path !== '';
  useEffect(() => {
    if (!isOpen) return undefined;
    const before = document.activeElement;
    button.current?.focus();
    // who came by the keyboard goes on where he was
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, [isOpen]);
  if (match === null) return null;
  return (
    <aside class="drawer" aria-label={`Source ${file}`}>
      <header>
        <h2>
          {value === undefined ? '' : <span class="muted">{value.kind}</span>} <code>{`${file}:${line}`}</code>
        </h2>
        <button ref={button} type="button" class="icon-button" aria-label="Close the source" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      {error === '' ? null : <Notice tone="warn">{error}</Notice>}
      {value === undefined ? null : <Lines source={value} marked={line} />}
    </aside>
  );
}
