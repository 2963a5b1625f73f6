/** One of a few: radio buttons as a row of segments. */

interface Props {
  readonly label: string;
  readonly value: string;
  readonly options: readonly string[];
  readonly onChange: (value: string) => void;
}

/** How far a key goes, as in any group of radio buttons (WAI-ARIA, radio group pattern). */
const MOVES: Readonly<Record<string, number>> = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** One tab stop for all of them; arrows choose the next. */
export function Choice({ label, value, options, onChange }: Props) {
  const at = Math.max(0, options.indexOf(value));
  const onKey = (event: KeyboardEvent): void => {
    const move = MOVES[event.key];
    const { currentTarget } = event;
    const next = move === undefined ? undefined : (at + move + options.length) % options.length;
    const option = next === undefined ? undefined : options[next];
    if (next === undefined || option === undefined || !(currentTarget instanceof HTMLElement)) return;
    event.preventDefault();
    onChange(option);
    const button = currentTarget.children[next];
    if (button instanceof HTMLElement) button.focus();
  };
  return (
    <div class="choice" role="radiogroup" aria-label={label} onKeyDown={onKey}>
      {options.map((option, index) => (
        <button
          key={option}
          type="button"
          role="radio"
          aria-checked={option === value}
          tabindex={index === at ? 0 : -1}
          onClick={() => onChange(option)}
        >
          {option}
        </button>
      ))}
    </div>
  );
}
