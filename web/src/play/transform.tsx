// SPDX-License-Identifier: Apache-2.0
// A program that changes what is sent, tried on one body.
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { api, type Raw } from "../kit/api";
import { JsonTree } from "../kit/json";
import { useAct } from "../kit/load";
import { Button, ErrorPanel, Facts, Field, TextArea } from "../kit/ui";
import { Y } from "../words/play";
import { problemOf, requestOf, SampleFields, type Sample } from "./filter";
import { objectOf } from "./json";
import { Bench, Diff } from "./parts";

interface TransformOut {
  canceled: boolean;
  body: unknown;
  headers: Record<string, string>;
}

interface Made {
  raw: Raw<TransformOut>;
  from: string;
}

function Result({ made }: { made: Made }): JSX.Element {
  const { value } = made.raw, body = made.raw.raw("body");
  const headers = Object.entries(value.headers);
  if (value.canceled) return <p>{Y.transform.canceled}</p>;
  return (
    <>
      <p class="label">{Y.transform.makes}</p>
      {body === null || body === "null" ? <p>{Y.transform.unchanged}</p> : <div class="framed-json clip"><JsonTree text={body} label={Y.transform.makes} /></div>}
      {headers.length > 0 && <><p class="label">{Y.transform.headers}</p><Facts narrow rows={headers.map(([name, text]) => [<bdi class="mono">{name}</bdi>, <bdi class="mono">{text}</bdi>] as const)} /></>}
      {body !== null && body !== "null" && made.from.trim() && <><p class="label">{Y.transform.differs}</p><Diff from={made.from} to={body} /></>}
    </>
  );
}

interface Props {
  start: Sample;
  program: string;
  extra?: (program: string) => ComponentChildren;
}

export function TransformBench({ start, program: given, extra }: Props): JSX.Element {
  const [program, setProgram] = useState(given || ".body");
  const [sample, setSample] = useState(start);
  const [made, setMade] = useState<Made | null>(null);
  const { isBusy, error, run } = useAct();
  const problem = problemOf(sample.body);
  const go = () => void run(async () => {
    setMade(null);
    const raw = await api.postRaw<TransformOut>("/api/v1/transform/test", undefined, { text: objectOf({ transform: JSON.stringify(program), request: requestOf(sample) }) });
    setMade({ raw, from: sample.body });
  });
  return (
    <>
      <Bench onSubmit={go}
        actions={<Button kind="primary" type="submit" icon="play" busy={isBusy} disabled={!!problem || !program.trim()}>{Y.try}</Button>}
        input={<><Field label={Y.transform.program} hint={Y.transform.hint}><TextArea mono rows={6} value={program} onValue={setProgram} /></Field><SampleFields sample={sample} onChange={setSample} problem={problem} /></>}
        result={<>
          {!made && error == null && <p class="muted">{Y.before}</p>}
          {made && <Result made={made} />}
          {error != null && <ErrorPanel error={error} />}
        </>} />
      {extra?.(program)}
    </>
  );
}
