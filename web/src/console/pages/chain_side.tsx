// SPDX-License-Identifier: Apache-2.0
// Beside a chain: what would come of the edited one, what came of the last runs, and how it is called.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Confirm, Copy, Dialog, duration, ErrorPanel, Field, Input, isJson, Link, Panel, part, Select, Status, TextArea, Time, toast, useAct, type List } from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_filters";
import { appPath, numberOf } from "../common";
import type { FilterChain, FilterRun, Json, Webfilter } from "../types";
import { trialOf, type DraftFilter } from "./chain_draft";
import { DataDiff } from "./diff";

interface Trial {
  runs: number;
  halted: number;
  wouldHalt: number;
  redacted: { runs: number; halted: number; wouldHalt: number };
  differ: string[];
  complete: boolean;
}

const TRIED = 200;
const DIFFER_SHOWN = 8;

export function runTo(app: string, run: string): string {
  return `/apps/${part(app)}/runs/${part(run)}`;
}

/** The chain in the playground, beginning with a run's data. */
export function stepsTo(app: string, event: string, run?: string): string {
  return `/playground?${new URLSearchParams({ tab: "chain", app, event, ...(run ? { run } : {}) })}`;
}

/** The runs as a field of ticks; those that would be halted stand out. */
function Ticks({ total, halted }: { total: number; halted: number }): JSX.Element {
  const columns = 50, rows = Math.ceil(total / columns);
  const path = (from: number, to: number) => Array.from({ length: Math.max(0, to - from) }, (_, i) => { const at = from + i; return `M${(at % columns) * 6} ${Math.floor(at / columns) * 10}h4v7h-4z`; }).join("");
  return <svg class="chart ticks" viewBox={`0 0 ${columns * 6} ${rows * 10}`} aria-hidden="true"><path class="tide-a" d={path(0, total - halted)} /><path class="buoy" d={path(total - halted, total)} /></svg>;
}

export function DryRun({ app, event, draft, isEdited }: { app: string; event: string; draft: readonly DraftFilter[]; isEdited: boolean }): JSX.Element {
  const [trial, setTrial] = useState<Trial | null>(null);
  const { isBusy, error, run } = useAct();
  const go = () => void run(async () => setTrial(await api.post<Trial>(`${appPath(app)}/filter-chain/${part(event)}/trial`, { last: TRIED, ...(isEdited ? { filters: trialOf(draft) } : {}) })));
  const total = trial ? trial.runs + trial.redacted.runs : 0;
  const halted = trial ? trial.wouldHalt + trial.redacted.wouldHalt : 0;
  return (
    <Panel title={isEdited ? C.chain.dryRun : C.chain.dryRunSaved} actions={<><Link class="btn s quiet" to={stepsTo(app, event)}>{C.step.open}</Link><Button needs="change" small busy={isBusy} icon={trial ? "retry" : "flask"} onClick={go}>{trial ? C.chain.again : C.chain.dryAct}</Button></>}>
      <div class="body" role="status">
        {!trial && <p class="muted">{C.chain.dryBefore(TRIED)}</p>}
        {trial && total === 0 && <p class="soft">{C.chain.dryNone}</p>}
        {trial && total > 0 && (
          <>
            <div class="bignum">{C.chain.wouldHalt(halted, total)}</div>
            <p class="soft">{C.chain.wouldHaltText(trial.halted + trial.redacted.halted)}</p>
            <div class="dry"><Ticks total={total} halted={halted} /></div>
            {trial.differ.length > 0 && <><p class="label">{C.chain.differ(trial.differ.length)}</p><ul class="dry">{trial.differ.slice(0, DIFFER_SHOWN).map((id) => <li><Link class="mono trunc" to={runTo(app, id)}>{id}</Link></li>)}</ul></>}
            {!trial.complete && <p class="warned">{C.chain.dryPartly}</p>}
            <p class="hint">{C.chain.dryNote(trial.redacted.runs)}</p>
          </>
        )}
        {error != null && <ErrorPanel error={error} />}
      </div>
    </Panel>
  );
}

function RunRow({ app, run, filters }: { app: string; run: FilterRun; filters: readonly Webfilter[] }): JSX.Element {
  const halter = run.summary.filters.find((one) => one.effect === "halted");
  const changer = run.summary.filters.find((one) => one.effect === "applied");
  const name = (id: string | undefined) => filters.find((one) => one.id === id)?.description || id || "";
  return (
    <div class="run">
      <Status is={run.summary.halt ? "halted" : "passed"} />
      <Link class="mono trunc" to={runTo(app, run.id)}>{run.id}</Link>
      <span class="run-t"><Time at={run.startedAt} /> <span class="muted">{duration(run.tookMs)}</span></span>
      <p class="run-d soft"><bdi>{run.summary.halt ? run.summary.reason ?? C.chain.by(name(halter?.id)) : changer ? C.chain.changed(name(changer.id)) : C.chain.nothingChanged}</bdi></p>
    </div>
  );
}

const RUNS_SHOWN = 8;

export function LastRuns({ app, event, runs, filters }: { app: string; event: string; runs: readonly FilterRun[]; filters: readonly Webfilter[] }): JSX.Element {
  return (
    <Panel title={C.chain.runs} actions={<Link to={`/apps/${part(app)}/runs?event=${part(event)}`}>{C.chain.allRuns}</Link>}>
      {runs.length ? <div>{runs.slice(0, RUNS_SHOWN).map((run) => <RunRow key={run.id} app={app} run={run} filters={filters} />)}</div> : <p class="body muted">{C.run.noneText}</p>}
    </Panel>
  );
}

interface SideDialog {
  app: string;
  onClose: () => void;
  onDone: () => void;
}

export function PluginUrl({ app, chain, onClose, onDone }: SideDialog & { chain: FilterChain }): JSX.Element {
  const [url, setUrl] = useState(chain.url);
  const [isDropping, setDropping] = useState(false);
  const { isBusy, error, run } = useAct();
  const path = `${appPath(app)}/filter-chain/${part(chain.event)}/url`;
  const rotate = () => void run(async () => { setUrl((await api.post<FilterChain>(path, { gracePeriodSeconds: url ? 86_400 : 0 })).url); onDone(); });
  if (isDropping) {
    return <Confirm title={C.chain.dropUrl} act={C.chain.dropUrl} danger onClose={() => setDropping(false)} onConfirm={async () => { await api.del(path); toast.say(C.chain.dropped); onDone(); onClose(); }}><p>{C.chain.dropUrlText}</p></Confirm>;
  }
  return (
    <Dialog title={C.chain.pluginUrl} onClose={onClose} footer={<><span class="grow">{url && <Button needs="change" kind="danger" onClick={() => setDropping(true)}>{C.chain.dropUrl}</Button>}</span><Button needs="change" busy={isBusy} onClick={rotate}>{url ? C.chain.newUrl : C.chain.makeUrl}</Button><Button kind="primary" data-first="" onClick={onClose}>{W.dialog.close}</Button></>}>
      {url ? <><span class="secret"><code class="is-shown">{url}</code><Copy text={url} label={W.copy.url} /></span><p>{C.chain.urlText} {C.chain.urlGrace}</p></> : <p>{C.chain.noUrl}</p>}
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

interface RunOut {
  id: string;
  halt: boolean;
  reason: string | null;
  redirect: string | null;
  data?: Json;
}

/** What the chain was asked last, where it is kept. */
async function lastData(app: string, event: string): Promise<string | null> {
  const runs = await api.get<List<FilterRun>>(`${appPath(app)}/filter-run`, { event, limit: 20, order: "descending" });
  const last = runs.data.find((one) => one.hasData);
  if (!last) return null;
  const run = await api.get<FilterRun>(`${appPath(app)}/filter-run/${part(last.id)}`);
  return JSON.stringify((run.detail as { data?: Json } | null)?.data ?? {}, null, 2);
}

/** What comes of it, as the platform and its user would have it. */
function Verdict({ app, asked, result }: { app: string; asked: Json; result: RunOut }): JSX.Element {
  return (
    <div class="stack" role="status">
      <div class="note"><Status is={result.halt ? "halted" : "passed"}>{result.halt ? C.chain.halted : C.chain.passes}</Status><span class="grow" /><Link class="mono" to={runTo(app, result.id)}>{C.run.title}</Link></div>
      {result.halt && result.reason && <div class="field"><span>{C.chain.learnerSees}</span><blockquote class="learner"><bdi>{result.reason}</bdi></blockquote></div>}
      {result.redirect && <div class="field"><span>{C.run.redirect}</span><bdi class="mono">{result.redirect}</bdi></div>}
      {!result.halt && result.data !== undefined && <div class="field"><span>{C.run.changes}</span><DataDiff from={asked} to={result.data} /></div>}
    </div>
  );
}

export function RunByHand({ app, event, onClose, onDone }: SideDialog & { event: string }): JSX.Element {
  const [text, setText] = useState("{\n  \n}");
  const [outcome, setOutcome] = useState<{ asked: Json; result: RunOut } | null>(null);
  const { isBusy, error, run } = useAct();
  const problem = isJson(text) ? null : C.chain.notJson;
  const fetchLast = () => void run(async () => {
    const last = await lastData(app, event);
    if (last === null) toast.say(C.chain.noLastData);
    else setText(last);
  });
  const go = () => void run(async () => {
    const asked = JSON.parse(text) as Json;
    setOutcome({ asked, result: await api.post<RunOut>(`${appPath(app)}/filter-chain/${part(event)}`, { data: asked }) });
    onDone();
  });
  return (
    <Dialog wide title={C.chain.runTitle} onClose={onClose} onSubmit={go} footer={<><span class="grow"><Button busy={isBusy} onClick={fetchLast}>{C.chain.lastData}</Button></span><Button kind="quiet" onClick={onClose}>{W.dialog.close}</Button><Button kind="primary" type="submit" icon="play" busy={isBusy} disabled={!!problem}>{C.chain.runAct}</Button></>}>
      <p>{C.chain.runText}</p>
      <Field label={C.chain.runData} error={problem}><TextArea mono rows={9} value={text} bad={!!problem} onValue={setText} data-first="" /></Field>
      {outcome && <Verdict app={app} asked={outcome.asked} result={outcome.result} />}
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

export function ChainSettings({ app, chain, onClose, onDone }: SideDialog & { chain: FilterChain }): JSX.Element {
  const [deadline, setDeadline] = useState(String(chain.deadlineMs));
  const [keep, setKeep] = useState(chain.keep);
  const [redact, setRedact] = useState(chain.redact.join("\n"));
  const { isBusy, error, run } = useAct();
  const save = async () => {
    const body = { deadlineMs: numberOf(deadline) ?? chain.deadlineMs, keep, redact: redact.split("\n").map((one) => one.trim()).filter(Boolean) };
    if (!(await run(() => api.put<void>(`${appPath(app)}/filter-chain/${part(chain.event)}`, body)))) return;
    toast.say(C.common.saved);
    onClose();
    onDone();
  };
  return (
    <Dialog title={C.chain.settings} onClose={onClose} onSubmit={save} footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy}>{C.common.save}</Button></>}>
      <Field label={C.chain.deadlineMs}><Input type="number" min={1} value={deadline} onValue={setDeadline} data-first="" /></Field>
      <Field label={C.chain.keep}><Select value={keep} options={C.chain.keeps} onValue={setKeep} /></Field>
      <Field label={C.chain.redact} hint={C.chain.redactHint}><TextArea mono rows={4} value={redact} onValue={setRedact} /></Field>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

