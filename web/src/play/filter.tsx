// SPDX-License-Identifier: Apache-2.0
// A filter, tried on one body.
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { api } from "../kit/api";
import { useAct } from "../kit/load";
import { isJson } from "../kit/scan";
import { Status } from "../kit/status";
import { Button, ErrorPanel, Field, Input, TextArea } from "../kit/ui";
import { Y } from "../words/play";
import { Conditions, type FilterExplanation } from "./conditions";
import { headersOf, jsonOr, objectOf } from "./json";
import { Bench } from "./parts";

/** What a trial begins with. */
export interface Sample {
  body: string;
  type: string;
  headers: string;
}

interface FilterOut {
  matches: boolean;
  explanation: FilterExplanation;
}

export function requestOf({ body, type, headers }: Sample): string {
  return objectOf({ body: jsonOr(body, null), eventType: type.trim() ? JSON.stringify(type.trim()) : null, headers: headers.trim() ? JSON.stringify(headersOf(headers)) : null });
}

/** The fields of what it is tried on. */
export function SampleFields({ sample, onChange, problem }: { sample: Sample; onChange: (sample: Sample) => void; problem: string | null }): JSX.Element {
  return (
    <>
      <Field label={Y.body} error={problem}><TextArea mono rows={10} value={sample.body} bad={!!problem} onValue={(body) => onChange({ ...sample, body })} /></Field>
      <Field label={Y.type}><Input mono value={sample.type} onValue={(type) => onChange({ ...sample, type })} /></Field>
      <details class="fold-more"><summary>{Y.headers}</summary><Field label={Y.headers} hint={Y.headersHint}><TextArea mono rows={3} value={sample.headers} onValue={(headers) => onChange({ ...sample, headers })} /></Field></details>
    </>
  );
}

export function problemOf(text: string): string | null {
  return text.trim() && !isJson(text) ? Y.notJson : null;
}

interface Props {
  start: Sample;
  /** An endpoint's own; null: an example. */
  filter: string | null;
  /** Saving it, and the trial before. */
  extra?: (filter: string, problem: string | null) => ComponentChildren;
}

const EXAMPLE = '{\n  "body": {\n    "amount": { "$gt": 1000 }\n  }\n}';

export function FilterBench({ start, filter: given, extra }: Props): JSX.Element {
  const [filter, setFilter] = useState(given ?? EXAMPLE);
  const [sample, setSample] = useState(start);
  const [out, setOut] = useState<FilterOut | null>(null);
  const { isBusy, error, run } = useAct();
  const problem = problemOf(filter), bodyProblem = problemOf(sample.body);
  const go = () => void run(async () => {
    setOut(null);
    setOut(await api.post<FilterOut>("/api/v1/filter/test", undefined, { text: objectOf({ filter: filter.trim(), request: requestOf(sample) }) }));
  });
  return (
    <>
      <Bench onSubmit={go}
        actions={<Button kind="primary" type="submit" icon="play" busy={isBusy} disabled={!!problem || !!bodyProblem || !filter.trim()}>{Y.try}</Button>}
        input={<><Field label={Y.filter.filter} hint={Y.filter.hint} error={problem}><TextArea mono rows={7} value={filter} bad={!!problem} onValue={setFilter} /></Field><SampleFields sample={sample} onChange={setSample} problem={bodyProblem} /></>}
        result={<>
          {!out && error == null && <p class="muted">{Y.before}</p>}
          {out && <p><Status is={out.matches ? "passed" : "filteredOut"}>{out.matches ? Y.filter.fits : Y.filter.not}</Status></p>}
          {out && <Conditions filter={out.explanation} />}
          {error != null && <ErrorPanel error={error} />}
        </>} />
      {extra?.(filter, problem)}
    </>
  );
}
