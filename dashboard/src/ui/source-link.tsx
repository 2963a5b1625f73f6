/** Where something was written: a link that shows its YAML. */
import type { Place } from '../model/policies.ts';
import { withParams } from '../state/router.ts';
import { Icon } from './icon.tsx';
import { Link } from './link.tsx';

export function SourceLink({ place }: { readonly place: Pick<Place, 'file' | 'line'> }) {
  const text = `${place.file}:${place.line}`;
  return (
    <Link to={withParams({ source: text })} class="source-link" title={`show ${text}`}>
      <Icon name="file" />
      {text}
    </Link>
  );
}
