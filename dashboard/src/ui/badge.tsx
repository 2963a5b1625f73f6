/** A word with a colour. */
export type Tone = 'plain' | 'ok' | 'warn' | 'bad' | 'accent';

export function Badge({ tone = 'plain', children }: { readonly tone?: Tone; readonly children: string }) {
  return <span class={`badge badge-${tone}`}>{children}</span>;
}
