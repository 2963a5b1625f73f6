/** The frame of a page: its title, what stands beside it, and its content. */
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';

interface Props {
  readonly title: string;
  /** What the title is of, before it. */
  readonly over?: ComponentChildren;
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
}

export function Page({ title, over, aside, children }: Props) {
  useEffect(() => {
    document.title = `${title} · Tulle`;
  }, [title]);
  return (
    <div class="page">
      <header class="page-head">
        <div>
          {over === undefined ? null : <p class="page-over">{over}</p>}
          <h1>{title}</h1>
        </div>
        <div class="page-aside">{aside}</div>
      </header>
      {children}
    </div>
  );
}

export function Section({
  title,
  children,
  count,
}: {
  readonly title: string;
  readonly children: ComponentChildren;
  readonly count?: number;
}) {
  return (
    <section class="section" aria-label={title}>
      <h2>
        {title}
        {count === undefined ? null : <span class="count">{count}</span>}
      </h2>
      {children}
    </section>
  );
}
