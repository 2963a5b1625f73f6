/** A field whose text the URL holds. */
import { param, setParams } from '../state/router.ts';

interface Props {
  readonly name: string;
  readonly label: string;
  readonly placeholder?: string;
}

export function SearchField({ name, label, placeholder = label }: Props) {
  return (
    <input
      type="search"
      class="field"
      aria-label={label}
      placeholder={placeholder}
      value={param(name)}
      spellcheck={false}
      autocomplete="off"
      onInput={({ currentTarget }) => setParams({ [name]: currentTarget.value })}
    />
  );
}
