/** What would become of a request: `tulle explain`, with a form. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type Explanation, portTarget, type Source, type Step, type Verdict } from '../model/explanation.ts';
import { shareText } from '../model/format.ts';
import { messageOf, postJson } from '../state/api.ts';
import { useTopology } from '../state/mesh.ts';
import { param, setParams } from '../state/router.ts';
import { Badge } from '../ui/badge.tsx';
import { Icon } from '../ui/icon.tsx';
import { Notice } from '../ui/notice.tsx';
import { Page } from '../ui/page.tsx';
import { SourceLink } from '../ui/source-link.tsx';

const SIDES = { client: 'The client’s side', gateway: 'The gateway', server: 'The server’s side' } as const;

function Origin({ source }: { readonly source: Source | undefined }) {
  return source === undefined ? null : (
    <span class="step-source">
      {source.kind === '' ? '' : `${source.kind} ${source.namespace}/${source.name} `}
      <SourceLink place={source} />
    </span>
  );
}

function StepItem({ step }: { readonly step: Step }) {
  return (
    <li class="step">
      <span class="step-kind">{step.kind}</span>
      <div>
        {step.text} <Origin source={step.source} />
        {step.notes.length === 0 ? null : (
          <ul class="step-notes">
            {step.notes.map(({ text, source }) => (
              <li key={text}>
                {text} <Origin source={source} />
              </li>
            ))}
          </ul>
        )}
      </div>
    </li>
  );
}

function VerdictLine({ verdict }: { readonly verdict: Verdict }) {
  const isGood = verdict.outcome === 'delivered';
  const isBad = verdict.outcome === 'closed' || verdict.status >= 400;
  return (
    <p class={`verdict ${isGood ? 'is-ok' : isBad ? 'is-bad' : 'is-plain'}`} data-outcome={verdict.outcome}>
      <Badge tone={isGood ? 'ok' : isBad ? 'bad' : 'plain'}>{verdict.outcome}</Badge> {verdict.text} <Origin source={verdict.source} />
    </p>
  );
}

/** Steps in order, with a heading where another proxy begins to decide. */
function sidesOf(steps: readonly Step[]): { readonly side: Step['side']; readonly steps: Step[] }[] {
  const sides: { readonly side: Step['side']; readonly steps: Step[] }[] = [];
  for (const step of steps) {
    const last = sides.at(-1);
    if (last?.side === step.side) last.steps.push(step);
    else sides.push({ side: step.side, steps: [step] });
  }
  return sides;
}

function ExplanationTree({ explanation }: { readonly explanation: Explanation }) {
  const { steps, verdict, branches = [] } = explanation;
  return (
    <div class="explanation">
      {sidesOf(steps).map(({ side, steps: own }, index) => (
        <section key={`${side} ${index}`}>
          <h3>{SIDES[side]}</h3>
          <ol class="steps">
            {own.map((step) => (
              <StepItem key={`${step.kind} ${step.text}`} step={step} />
            ))}
          </ol>
        </section>
      ))}
      {verdict === undefined ? null : <VerdictLine verdict={verdict} />}
      {branches.map(({ share, when, explanation: inner }) => (
        <details key={when} class="branch" open>
          <summary>
            <strong>{shareText(share)}</strong> {when}
          </summary>
          <ExplanationTree explanation={inner} />
        </details>
      ))}
    </div>
  );
}

interface Answer extends Explanation {
  readonly outcomes: readonly { readonly share: number; readonly verdict: Verdict }[];
}

function Outcomes({ outcomes }: { readonly outcomes: Answer['outcomes'] }) {
  if (outcomes.length < 2) return null;
  return (
    <section class="outcomes" aria-label="In all">
      <h2>In all</h2>
      {outcomes.map(({ share, verdict }) => (
        <p key={`${share} ${verdict.text}`}>
          <strong>{shareText(share)}</strong> {verdict.text}
        </p>
      ))}
    </section>
  );
}

interface FieldProps {
  readonly name: string;
  readonly label: string;
  readonly placeholder: string;
  readonly list?: string;
  readonly isRequired?: boolean;
}

function Field({ name, label, placeholder, list, isRequired = false }: FieldProps) {
  return (
    <label class="form-field">
      {label}
      <input
        name={name}
        class="field"
        list={list}
        defaultValue={param(name)}
        placeholder={placeholder}
        required={isRequired}
        spellcheck={false}
        autocomplete="off"
        key={param(name)}
      />
    </label>
  );
}

function Form() {
  const { value: topology } = useTopology().value;
  const onSubmit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (!(event.currentTarget instanceof HTMLFormElement)) return;
    const entries = [...new FormData(event.currentTarget)].map(
      ([name, value]) => [name, typeof value === 'string' ? value.trim() : ''] as const,
    );
    // the same question again is asked again
    setParams({ ...Object.fromEntries(entries), run: String(Number(param('run') || '0') + 1) }, true);
  };
  return (
    <form class="explain-form" onSubmit={onSubmit}>
      <Field name="from" label="From" placeholder="shop/web, outside; empty: a gateway" list="workloads" />
      <Field name="to" label="To" placeholder="http://payments:9090/charge" list="services" isRequired />
      <Field name="method" label="Method" placeholder="GET" />
      <Field name="headers" label="Headers" placeholder="x-canary: true; x-user: jo" />
      <Field name="gateway" label="Gateway" placeholder="if several fit" list="workloads" />
      <button class="button is-primary">
        Explain <Icon name="arrow" />
      </button>
      <datalist id="workloads">
        <option value="outside" />
        {(topology?.workloads ?? []).map(({ namespace, name }) => (
          <option key={`${namespace}/${name}`} value={`${namespace}/${name}`} />
        ))}
      </datalist>
      <datalist id="services">
        {(topology?.services ?? []).flatMap(({ hostname, ports }) =>
          ports.map((port) => <option key={`${hostname}:${port.number}`} value={portTarget(hostname, port)} />),
        )}
      </datalist>
    </form>
  );
}

function questionOf(): { readonly to: string; readonly headers: readonly string[] } & Record<string, string | readonly string[]> {
  const headers = param('headers')
    .split(';')
    .map((header) => header.trim())
    .filter((header) => header !== '');
  return { to: param('to'), from: param('from'), gateway: param('gateway'), method: param('method'), headers };
}

export function ExplainPage() {
  const answer = useSignal<Answer | undefined>(undefined);
  const error = useSignal('');
  const isAsking = useSignal(false);
  const question = JSON.stringify(questionOf());
  const ask = async (isCurrent: () => boolean): Promise<void> => {
    isAsking.value = true;
    try {
      const got = await postJson<Answer>('/api/explain', questionOf());
      if (!isCurrent()) return;
      answer.value = got;
      error.value = '';
    } catch (failure) {
      if (!isCurrent()) return;
      answer.value = undefined;
      error.value = messageOf(failure);
    }
    isAsking.value = false;
  };
  useEffect(() => {
    let isCurrent = true;
    if (param('to') === '') {
      answer.value = undefined;
      error.value = '';
    } else void ask(() => isCurrent);
    return () => {
      isCurrent = false;
      isAsking.value = false;
    };
  }, [question, param('run')]);
  return (
    <Page title="Explain a request">
      <Form />
      {isAsking.value ? <p class="empty">Asking each proxy on the way…</p> : null}
      {error.value === '' ? null : <Notice tone="bad">{error.value}</Notice>}
      {answer.value === undefined || isAsking.value ? null : (
        <>
          <ExplanationTree explanation={answer.value} />
          <Outcomes outcomes={answer.value.outcomes} />
        </>
      )}
      {param('to') === '' ? (
        <p class="empty">Says each decision on a request’s way, and where it was written, without sending anything.</p>
      ) : null}
    </Page>
  );
}
