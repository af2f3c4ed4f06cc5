// SPDX-License-Identifier: Apache-2.0
// A chain of webfilters, tried step by step on the data of a kept run or on what was pasted. Nothing is applied or kept. The address
// says which chain, and from which run it begins, never what was typed.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Check, Empty, ErrorPanel, Field, isJson, part, query, Select, setQuery, Status, TextArea, useAct, useLoad, when, type List } from "../../kit";
import { pretty } from "../../kit/json";
import { Bench } from "../../play/parts";
import { C } from "../../words/console_filters";
import { appPath, Shown } from "../common";
import type { Application, FilterRun, Json, Webfilter } from "../types";
import { DataDiff } from "./diff";
import { loadFilters } from "./filters";
import { Part, type PartDetail } from "./runs";

interface Tried {
  halt: boolean;
  reason: string | null;
  redirect: string | null;
  data: Json;
  steps: PartDetail[];
}

interface Start {
  filters: Webfilter[];
  runs: FilterRun[];
  data: string;
  metadata: Json | undefined;
  isRedacted: boolean;
}

const APPS_SHOWN = 100, RUNS_SHOWN = 20, INDENT = "{\n  \n}";

async function startOf(app: string, event: string, run: string | null, signal: AbortSignal): Promise<Start> {
  const path = `${appPath(app)}/filter-run`;
  const [filters, runs, raw] = await Promise.all([
    loadFilters(app, event, signal),
    api.get<List<FilterRun>>(path, { event, limit: RUNS_SHOWN, order: "descending" }, signal),
    run ? api.raw<FilterRun>(`${path}/${part(run)}`, undefined, signal) : null,
  ]);
  const detail = raw?.value.detail as { eventMetadata?: Json } | null | undefined;
  return { filters, runs: runs.data.filter((one) => one.hasData), data: pretty(raw?.raw("detail", "data") ?? "") || INDENT, metadata: detail?.eventMetadata, isRedacted: raw?.value.redacted ?? false };
}

function Outcome({ tried, filters, asked }: { tried: Tried; filters: readonly Webfilter[]; asked: Json }): JSX.Element {
  return (
    <>
      <div class="note"><Status is={tried.halt ? "halted" : "passed"}>{tried.halt ? C.chain.halted : C.chain.passes}</Status><span class="grow" /></div>
      {tried.halt && tried.reason && <div class="field"><span>{C.chain.learnerSees}</span><blockquote class="learner"><bdi>{tried.reason}</bdi></blockquote></div>}
      {tried.redirect && <div class="field"><span>{C.run.redirect}</span><bdi class="mono">{tried.redirect}</bdi></div>}
      {!tried.halt && <div class="field"><span>{C.step.makes}</span><DataDiff from={asked} to={{ ...(asked as object), ...(tried.data as object) }} /></div>}
      {tried.steps.length === 0 && <p class="soft">{C.step.none}</p>}
      {tried.steps.map((step) => <Part key={step.id} isOpen={step.effect === "halted"} detail={step} filter={filters.find((one) => one.id === step.id)} />)}
    </>
  );
}

function ChainBench({ app, event, start }: { app: string; event: string; start: Start }): JSX.Element {
  const [text, setText] = useState(start.data);
  const [without, setWithout] = useState<readonly string[]>([]);
  const [outcome, setOutcome] = useState<{ tried: Tried; asked: Json } | null>(null);
  const { isBusy, error, run } = useAct();
  const problem = isJson(text) ? null : C.chain.notJson;
  const able = start.filters.filter((one) => one.enabled);
  const at = query.value.get("run") ?? "";
  const go = () => void run(async () => {
    setOutcome(null);
    const more = [start.metadata === undefined ? "" : `,"eventMetadata":${JSON.stringify(start.metadata)}`, without.length ? `,"without":${JSON.stringify(without)}` : ""].join("");
    const tried = await api.post<Tried>(`${appPath(app)}/filter-chain/${part(event)}/try`, undefined, { text: `{"data":${text}${more}}` });
    setOutcome({ tried, asked: JSON.parse(text) as Json });
  });
  return (
    <Bench onSubmit={go}
      actions={<Button needs="change" kind="primary" type="submit" icon="play" busy={isBusy} disabled={!!problem}>{C.step.act}</Button>}
      input={<>
        {start.runs.length > 0 && <Field label={C.step.from}><Select value={at} options={[["", C.step.pasted], ...start.runs.map((one) => [one.id, C.step.ofRun(when(one.startedAt), one.summary.halt)] as const)]} onValue={(id) => setQuery({ run: id || null }, { replace: true })} /></Field>}
        <Field label={C.step.data} error={problem}><TextArea mono rows={12} value={text} bad={!!problem} onValue={setText} /></Field>
        {start.isRedacted && <p class="warned">{C.step.redacted}</p>}
        <fieldset class="checks"><legend class="label">{C.step.ask}</legend>
          {able.map((one) => <Check checked={!without.includes(one.id)} onValue={(on) => setWithout((was) => (on ? was.filter((id) => id !== one.id) : [...was, one.id]))}><bdi>{one.description || one.url}</bdi></Check>)}
        </fieldset>
      </>}
      result={<>
        {!outcome && error == null && <p class="muted">{C.step.before}</p>}
        {outcome && <Outcome tried={outcome.tried} asked={outcome.asked} filters={start.filters} />}
        {error != null && <ErrorPanel error={error} />}
      </>} />
  );
}

/** Which application, of those that were made last; another one comes by the button of its chain. */
function WhichApp({ app }: { app: string | null }): JSX.Element {
  const apps = useLoad("chains of apps", (signal) => api.get<List<Application>>("/api/v1/app", { limit: APPS_SHOWN, order: "descending" }, signal));
  const known = apps.data?.data ?? [];
  const options = [...(app && !known.some((one) => one.id === app) ? [[app, app] as const] : []), ...known.map((one) => [one.id, one.name] as const)];
  return (
    <>
      <Field label={C.step.app}><Select value={app ?? ""} options={[...(app ? [] : [["", C.step.noApp] as const]), ...options]} onValue={(id) => setQuery({ app: id || null, event: null, run: null }, { replace: true })} /></Field>
      {apps.error != null && <ErrorPanel error={apps.error} onRetry={apps.reload} />}
    </>
  );
}

function Chain({ app }: { app: string }): JSX.Element {
  const all = useLoad(`chains to try ${app}`, (signal) => loadFilters(app, null, signal));
  const events = [...new Set(all.data?.map((one) => one.event) ?? [])].sort();
  const asked = query.value.get("event"), run = query.value.get("run");
  const event = asked ?? events[0] ?? null;
  const loaded = useLoad(`chain to try ${app} ${event} ${run}`, async (signal) => ({ start: await startOf(app, event!, run, signal), key: `${event} ${run}` }), { isOff: !event });
  if (all.error != null) return <ErrorPanel error={all.error} onRetry={all.reload} />;
  if (all.data && !event) return <div class="panel"><Empty art="line" title={C.step.noChain}>{C.step.noChainText}</Empty></div>;
  return (
    <>
      <div class="narrowfield"><Field label={C.step.event}><Select value={event ?? ""} options={events.map((one) => [one, one] as const)} onValue={(one) => setQuery({ event: one, run: null }, { replace: true })} /></Field></div>
      {event && <Shown loaded={loaded}>{({ start, key }) => <ChainBench key={key} app={app} event={event} start={start} />}</Shown>}
    </>
  );
}

export function ChainTab(): JSX.Element {
  const app = query.value.get("app");
  return <><div class="narrowfield"><WhichApp app={app} /></div>{app && <Chain key={app} app={app} />}</>;
}
