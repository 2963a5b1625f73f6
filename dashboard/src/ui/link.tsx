/** A link within the dashboard: no page is loaded, unless another window is asked for. */
import type { ComponentChildren } from 'preact';
import { navigate } from '../state/router.ts';

interface Props {
  readonly to: string;
  readonly class?: string;
  readonly title?: string;
  readonly current?: boolean;
  readonly children: ComponentChildren;
}

function isPlain(event: MouseEvent): boolean {
  return event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
}

export function Link({ to, children, title, current = false, class: className }: Props) {
  const onClick = (event: MouseEvent): void => {
    if (!isPlain(event)) return;
    event.preventDefault();
    navigate(to);
  };
  return (
    <a href={to} class={className} title={title} aria-current={current ? 'page' : undefined} onClick={onClick}>
      {children}
    </a>
  );
}
