/** Health as a shape and a colour, so that neither is needed alone. */
import type { Health } from '../model/health.ts';

const WORDS: Readonly<Record<Health, string>> = { idle: 'no traffic', ok: 'healthy', warn: 'worth a look', bad: 'failing' };

export function healthWord(health: Health): string {
  return WORDS[health];
}

export function HealthDot({ health }: { readonly health: Health }) {
  return <span class={`dot dot-${health}`} role="img" aria-label={WORDS[health]} title={WORDS[health]} />;
}
