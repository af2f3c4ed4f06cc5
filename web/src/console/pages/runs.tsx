// SPDX-License-Identifier: Apache-2.0
// Runs of filter chains: the verdict, and who said what.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Chips, Code, Dialog, duration, Empty, ErrorPanel, Facts, Field, Id, Input, Link, LinkButton, pageIterator, Pager, Panel, part, query, Status, Table, Time, useAct, useLoad, type Column, type FilterSpec, type List, type Params } from "../../kit";
import { JsonTree } from "../../kit/json";
import { W } from "../../words/en";
import { C } from "../../words/console_filters";
import { appCrumb, APPS, appPath, Shown, useApp } from "../common";
import { Newer } from "../newer";
import { usePage } from "../shell";
import type { FilterPart, FilterRun, Json, Webfilter } from "../types";
import { runTo, stepsTo } from "./chain_side";
import { Diff } from "./diff";
import { chainTo, loadFilters } from "./filters";

const FILTERS: readonly FilterSpec[] = [{ name: "event", label: C.run.event }];

function columns(app: string): Column<FilterRun>[] {
  return [
    { key: "verdict", head: C.run.verdict, class: "c-state", cell: (run) => <Status is={run.summary.halt ? "halted" : "passed"} /> },
    { key: "run", head: C.run.event, cell: (run) => <><Link class="main-link" to={runTo(app, run.id)}><bdi>{run.event}</bdi></Link><span class="l2 mono trunc">{run.id}</span></> },
    { key: "why", head: C.run.reason, class: "c-lg", cell: (run) => <bdi>{run.summary.reason ?? ""}</bdi> },
    { key: "took", head: C.run.took, isNum: true, class: "c-lg", cell: (run) => duration(run.tookMs) },
    { key: "when", head: C.run.when, isNum: true, cell: (run) => <Time at={run.startedAt} /> },
  ];
}

export function Runs({ params }: { params: Params }): JSX.Element {
  const appId = params["app"]!;
  const app = useApp(appId);
  const iterator = pageIterator();
  const event = query.value.get("event");
  usePage(C.run.list, [APPS, appCrumb(appId, app.data), { label: C.nav.filters, to: `/apps/${part(appId)}/filters` }]);
  const load = (from: string | null, signal?: AbortSignal) => api.get<List<FilterRun>>(`${appPath(appId)}/filter-run`, { limit: 100, iterator: from, event, order: "descending" }, signal);
  const list = useLoad(`runs ${appId} ${iterator} ${event}`, (signal) => load(iterator, signal));
  const rows = list.data?.data;
  return (
    <>
      <div class="phead"><h1>{C.run.list}<span class="h-sub"><bdi>{app.data?.name}</bdi></span></h1></div>
      <div class="filters row wrap pt0"><Chips specs={FILTERS} /><Newer list={list} at={iterator} peek={load} /></div>
      {list.error != null && <ErrorPanel error={list.error} onRetry={list.reload} />}
      {rows?.length === 0 && !iterator ? <div class="panel"><Empty title={C.run.none}>{C.run.noneText}</Empty></div>
        : <div class="panel flush inset clipx"><Table label={C.run.list} columns={columns(appId)} rows={rows} rowKey={(run) => run.id} rowTo={(run) => runTo(appId, run.id)} isSlow={list.isSlow} /></div>}
      <Pager list={list.data} />
    </>
  );
}

export interface PartDetail extends FilterPart {
  url?: string;
  failure?: string;
  request?: Json;
  response?: Json;
  changes?: { op: string; path: string; from?: Json; to?: Json }[];
}

/** Why it stops the process: what came back, and what it is set to do about that. */
function whyHalted(detail: PartDetail, filter: Webfilter | undefined): string | null {
  if (detail.effect !== "halted") return null;
  const answer = detail.response as { exception?: { [name: string]: { message?: Json } } } | null | undefined;
  const [name] = Object.keys(answer?.exception ?? {});
  const said = name === undefined ? null : answer!.exception![name]?.message;
  if (filter?.haltOn5xx && detail.status && detail.status >= 500) return C.run.why.status(detail.status, "5xx");
  if (filter?.haltOn4xx && detail.status && detail.status >= 400 && detail.status < 500) return C.run.why.status(detail.status, "4xx");
  if (name !== undefined) return C.run.why.exception(name, typeof said === "string" ? said : "");
  return detail.error ? C.run.why.silent : C.run.why.closed;
}

/** One filter's part. `isOpen`: what it was asked and answered is shown at once. */
export function Part({ detail, filter, isOpen }: { detail: PartDetail; filter: Webfilter | undefined; isOpen?: boolean }): JSX.Element {
  return (
    <Panel title={<bdi>{filter?.description || detail.url || detail.id}</bdi>} actions={<span class={detail.effect === "halted" ? "bad" : "muted"}>{C.run.effects[detail.effect] ?? detail.effect}</span>}>
      <div class="body stack">
        <Facts rows={[
          [C.chain.mode, detail.mode],
          [C.run.answered, detail.status ? <Code status={detail.status} none={C.common.noAnswer} /> : detail.failure ?? detail.error],
          [C.run.took, detail.effect === "not asked" ? null : duration(detail.tookMs)],
          [C.chain.url, detail.url && <bdi class="mono">{detail.url}</bdi>],
        ]} />
        {whyHalted(detail, filter) !== null && <p class="bad"><bdi>{whyHalted(detail, filter)}</bdi></p>}
        {detail.changes && detail.changes.length > 0 && <div class="field"><span>{C.run.changes}</span><Diff changes={detail.changes} /></div>}
        {detail.request !== undefined && <details class="fold-more" open={isOpen}><summary>{C.run.request}</summary><JsonTree text={JSON.stringify(detail.request)} label={C.run.request} /></details>}
        {detail.response !== undefined && <details class="fold-more" open={isOpen}><summary>{C.run.response}</summary><JsonTree text={JSON.stringify(detail.response)} label={C.run.response} /></details>}
      </div>
    </Panel>
  );
}

function ReplayRun({ app, run, onClose }: { app: string; run: FilterRun; onClose: () => void }): JSX.Element {
  const [url, setUrl] = useState("");
  const [result, setResult] = useState<Json | null>(null);
  const { isBusy, error, run: act } = useAct();
  const ask = () => void act(async () => setResult(await api.post<Json>(`${appPath(app)}/filter-run/${part(run.id)}/replay`, { url: url.trim() })));
  return (
    <Dialog wide title={C.run.replay} onClose={onClose} onSubmit={ask} footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.close}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!url.trim()}>{C.run.replayAct}</Button></>}>
      <p>{C.run.replayText}</p>
      <Field label={C.run.replayUrl}><Input type="url" mono value={url} onValue={setUrl} placeholder="https://" data-first="" /></Field>
      {result !== null && <div class="clip panel"><JsonTree text={JSON.stringify(result)} label={C.run.result} /></div>}
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

export function RunPage({ params }: { params: Params }): JSX.Element {
  const appId = params["app"]!, id = params["run"]!;
  const app = useApp(appId);
  const loaded = useLoad(`run ${appId} ${id}`, async (signal) => {
    const run = await api.get<FilterRun>(`${appPath(appId)}/filter-run/${part(id)}`, undefined, signal);
    return { run, filters: await loadFilters(appId, run.event, signal) };
  });
  const [isReplaying, setReplaying] = useState(false);
  usePage(C.run.title, [APPS, appCrumb(appId, app.data), { label: loaded.data?.run.event ?? C.nav.filters, to: loaded.data ? chainTo(appId, loaded.data.run.event) : `/apps/${part(appId)}/filters` }]);
  return (
    <Shown loaded={loaded}>
      {({ run, filters }) => {
        const parts = ((run.detail as { filters?: PartDetail[] } | null)?.filters ?? run.summary.filters) as PartDetail[];
        return (
          <div class="stack narrowpage">
            <div class="ephead">
              <div class="grow"><div class="row gap-3 wrap"><h1><bdi>{run.event}</bdi></h1><Status is={run.summary.halt ? "halted" : "passed"} /></div><Id value={run.id} /></div>
              {run.hasData && <div class="row"><LinkButton to={stepsTo(appId, run.event, run.id)} icon="flask">{C.step.open}</LinkButton><Button needs="change" onClick={() => setReplaying(true)}>{C.run.replay}</Button></div>}
            </div>
            <Panel title={C.run.verdict}><div class="body"><Facts rows={[
              [C.run.when, <Time at={run.startedAt} />],
              [C.run.took, duration(run.tookMs)],
              [C.run.reason, run.summary.reason && <bdi>{run.summary.reason}</bdi>],
              [C.run.redirect, run.summary.redirect && <bdi class="mono">{run.summary.redirect}</bdi>],
              [C.run.status, run.summary.status ? String(run.summary.status) : null],
            ]} />{(run.redacted || !run.hasData) && <p class="hint mt-2">{run.hasData ? C.run.redacted : C.run.notKept}</p>}</div></Panel>
            {parts.map((detail) => <Part key={detail.id} detail={detail} filter={filters.find((one) => one.id === detail.id)} />)}
            {isReplaying && <ReplayRun app={appId} run={run} onClose={() => setReplaying(false)} />}
          </div>
        );
      }}
    </Shown>
  );
}
