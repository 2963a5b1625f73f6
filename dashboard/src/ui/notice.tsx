/** A sentence that people should see. */
import type { ComponentChildren } from 'preact';

export function Notice({ tone, children }: { readonly tone: 'info' | 'warn' | 'bad'; readonly children: ComponentChildren }) {
  return (
    <p class={`notice notice-${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
      {children}
    </p>
  );
}
