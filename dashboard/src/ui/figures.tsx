/** Figures with names, side by side. */
import type { ComponentChildren } from 'preact';

export interface Figure {
  readonly name: string;
  readonly value: ComponentChildren;
  readonly note?: string;
  readonly tone?: 'ok' | 'warn' | 'bad';
}

export function Figures({ figures }: { readonly figures: readonly Figure[] }) {
  return (
    <dl class="figures" data-count={figures.length}>
      {figures.map(({ name, value, note, tone }) => (
        <div key={name} class={tone === undefined ? '' : `is-${tone}`}>
          <dt>{name}</dt>
          <dd>{value}</dd>
          {note === undefined ? null : <dd class="note">{note}</dd>}
        </div>
      ))}
    </dl>
  );
}
