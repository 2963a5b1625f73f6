/** A window over the page, which the browser keeps the focus in. */
import type { Signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

interface Props {
  readonly isOpen: Signal<boolean>;
  readonly label: string;
  readonly class?: string;
  readonly children: ComponentChildren;
}

export function Dialog({ isOpen, label, children, class: className = '' }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const wanted = isOpen.value;
  useEffect(() => {
    if (wanted) dialog.current?.showModal();
    else dialog.current?.close();
  }, [wanted]);
  const onClick = (event: MouseEvent): void => {
    // what is around it belongs to the dialog element, too
    if (event.target === dialog.current) isOpen.value = false;
  };
  return (
    <dialog ref={dialog} class={`dialog ${className}`} aria-label={label} onClose={() => (isOpen.value = false)} onClick={onClick}>
      {wanted ? children : null}
    </dialog>
  );
}
