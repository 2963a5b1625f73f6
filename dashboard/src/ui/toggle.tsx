/** A switch whose state the URL holds. */
import { param, setParams } from '../state/router.ts';

export function Toggle({ name, label }: { readonly name: string; readonly label: string }) {
  const isOn = param(name) === '1';
  return (
    <button type="button" class="toggle" aria-pressed={isOn} onClick={() => setParams({ [name]: isOn ? '' : '1' }, true)}>
      {label}
    </button>
  );
}
