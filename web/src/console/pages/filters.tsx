// SPDX-License-Identifier: Apache-2.0
// Webfilters of all applications, and those of one: a chain per event.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, count, Dialog, Empty, ErrorPanel, Field, Input, Link, navigate, part, Spark, Table, toast, useAct, useLoad, type Column, type List, type Params, type WaterPoint } from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_filters";
import { appCrumb, appPath, APPS, eachOf, Shown, useApp } from "../common";
import { measure, timesOf, useSparks } from "../series";
import { usePage } from "../shell";
import type { Application, Webfilter } from "../types";

export interface ChainRow {
  app: Application;
  event: string;
  filters: Webfilter[];
}

export async function loadFilters(app: string, event: string | null, signal?: AbortSignal): Promise<Webfilter[]> {
  const all: Webfilter[] = [];
  let iterator: string | null = null;
  do {
    const page: List<Webfilter> = await api.get<List<Webfilter>>(`${appPath(app)}/filter`, { limit: 250, iterator, event }, signal);
    all.push(...page.data);
    iterator = page.done ? null : page.iterator ?? null;
  } while (iterator);
  return all.sort((a, b) => a.order - b.order || a.createdAt.localeCompare(b.createdAt));
}

export function chainsOf(app: Application, filters: readonly Webfilter[]): ChainRow[] {
  const events = [...new Set(filters.map((one) => one.event))].sort();
  return events.map((event) => ({ app, event, filters: filters.filter((one) => one.event === event) }));
}

export function chainTo(app: string, event: string): string {
  return `/apps/${part(app)}/chains/${part(event)}`;
}

const APPS_LOOKED_AT = 100;

type Sparks = ReturnType<typeof useSparks>;

/** A chain's runs are those of its filter that was asked most; its halts are those of all. */
function runsOf(row: ChainRow, sparks: Sparks): { points: WaterPoint[]; runs: number; halts: number } | null {
  const found = row.filters.flatMap((one) => sparks.get(one.id) ?? []);
  const range = found[0]?.range;
  if (!range) return null;
  const values = (one: (typeof found)[number], name: string) => measure(one.series, name)?.values ?? [];
  const points = timesOf(range).map((t, i) => {
    const runs = found.map((one) => values(one, "runs")[i] ?? null).filter((n): n is number => n !== null);
    const halts = found.reduce((sum, one) => sum + (values(one, "halts")[i] ?? 0), 0);
    return { t, up: runs.length ? Math.max(...runs) - halts : null, down: runs.length ? halts : null };
  });
  const total = (name: string) => found.map((one) => measure(one.series, name)?.total ?? 0);
  return { points, runs: Math.max(...total("runs")), halts: total("halts").reduce((sum, n) => sum + n, 0) };
}

function columns(withApp: boolean, sparks: Sparks): Column<ChainRow>[] {
  const app: Column<ChainRow> = { key: "app", head: C.filters.application, class: "c-lg", cell: (row) => <Link to={`/apps/${part(row.app.id)}/filters`}><bdi>{row.app.name}</bdi></Link> };
  return [
    { key: "event", head: C.filters.event, class: "c-first", cell: (row) => <><Link class="main-link" to={chainTo(row.app.id, row.event)}><bdi>{row.event}</bdi></Link><span class="l2 trunc"><bdi>{row.filters.map((one) => one.description || one.url).join(" → ")}</bdi></span></> },
    ...(withApp ? [app] : []),
    { key: "trend", head: C.filters.last24, class: "c-lg c-sp", cell: (row) => { const found = runsOf(row, sparks); return found && <Spark label={C.filters.trend(count(found.runs), count(found.halts))} points={found.points} />; } },
    { key: "runs", head: C.filters.runs, isNum: true, class: "c-lg", cell: (row) => { const found = runsOf(row, sparks); return found ? count(found.runs) : ""; } },
    { key: "halts", head: C.filters.halts, isNum: true, class: "c-lg", cell: (row) => { const found = runsOf(row, sparks); return found ? <span class={found.halts ? "bad" : ""}>{count(found.halts)}</span> : ""; } },
    { key: "n", head: C.filters.filters, isNum: true, cell: (row) => { const off = row.filters.filter((one) => !one.enabled).length; return <>{C.filters.of(row.filters.length)}{off > 0 && <span class="l2">{C.filters.off(off)}</span>}</>; } },
  ];
}

/** All chains of the newest applications. */
export function Webfilters(): JSX.Element {
  usePage(C.nav.filters);
  const loaded = useLoad("webfilters", async (signal) => {
    const apps = await api.get<List<Application>>("/api/v1/app", { limit: APPS_LOOKED_AT, order: "descending" }, signal);
    const found = await eachOf(apps.data, 4, (app) => loadFilters(app.id, null, signal));
    return { rows: apps.data.flatMap((app, i) => chainsOf(app, found[i] ?? [])), isPart: !apps.done };
  });
  const [isNew, setNew] = useState(false);
  const rows = loaded.data?.rows;
  const sparks = useSparks("filter", rows?.flatMap((row) => row.filters.map((one) => one.id)) ?? [], "runs,halts");
  return (
    <>
      <div class="phead"><h1 class="grow">{C.filters.title}<span class="h-sub">{C.filters.sub}</span></h1><Button needs="change" kind="primary" icon="plus" onClick={() => setNew(true)}>{C.filters.new}</Button></div>
      {loaded.error != null && <ErrorPanel error={loaded.error} onRetry={loaded.reload} />}
      {rows?.length === 0
        ? <div class="panel"><Empty title={C.filters.empty} actions={<Button needs="change" kind="primary" onClick={() => setNew(true)}>{C.filters.new}</Button>}>{C.filters.emptyText}</Empty></div>
        : <div class="panel flush inset clipx"><Table label={C.filters.title} columns={columns(true, sparks)} rows={rows} rowKey={(row) => `${row.app.id} ${row.event}`} rowTo={(row) => chainTo(row.app.id, row.event)} isSlow={loaded.isSlow} /></div>}
      {loaded.data?.isPart && <p class="pager muted">{C.filters.partly(APPS_LOOKED_AT)}</p>}
      {isNew && <NewFilter onClose={() => setNew(false)} />}
    </>
  );
}

/** The chains of one application. */
export function AppFilters({ params }: { params: Params }): JSX.Element {
  const id = params["app"]!;
  const app = useApp(id);
  usePage(C.nav.filters, [APPS, appCrumb(id, app.data)]);
  const filters = useLoad(`filters ${id}`, (signal) => loadFilters(id, null, signal));
  const sparks = useSparks("filter", filters.data?.map((one) => one.id) ?? [], "runs,halts");
  const [isNew, setNew] = useState(false);
  return (
    <Shown loaded={app}>
      {(data) => (
        <>
          <div class="phead"><h1 class="grow">{C.filters.title}<span class="h-sub"><bdi>{data.name}</bdi></span></h1><Button needs="change" kind="primary" icon="plus" onClick={() => setNew(true)}>{C.filters.new}</Button></div>
          <Shown loaded={filters}>
            {(all) => all.length === 0 ? <div class="panel"><Empty title={C.filters.noneHere}>{C.filters.emptyText}</Empty></div> : (
              <div class="panel flush inset clipx"><Table label={C.filters.title} columns={columns(false, sparks)} rows={chainsOf(data, all)} rowKey={(row) => row.event} rowTo={(row) => chainTo(row.app.id, row.event)} /></div>
            )}
          </Shown>
          {isNew && <NewFilter app={data.id} onClose={() => setNew(false)} />}
        </>
      )}
    </Shown>
  );
}

/** The events that Open edX knows, for the list beside the field. */
export interface Catalogue {
  events: { name: string; type: string }[];
  filters: { name: string; type: string; exception: string | null; exceptions: string[]; canHalt: boolean; canRedirect: boolean }[];
}

export function useCatalogue(): Catalogue | undefined {
  return useLoad("catalogue", (signal) => api.get<Catalogue>("/api/v1/openedx/catalogue", undefined, signal)).data;
}

/** What a processor can do at this event. */
export function aboutEvent(event: Catalogue["filters"][number]): string {
  const can = event.canRedirect ? C.chain.about.redirects : event.canHalt ? C.chain.about.halts : C.chain.about.neither;
  return event.exceptions.length ? `${can} ${C.chain.about.exceptions(event.exceptions.join(", "))}` : can;
}

export function NewFilter({ app: known, event: start, onClose }: { app?: string; event?: string; onClose: () => void }): JSX.Element {
  const [app, setApp] = useState(known ?? "");
  const [event, setEvent] = useState(start ?? "");
  const [url, setUrl] = useState("");
  const [description, setDescription] = useState("");
  const catalogue = useCatalogue();
  const chosen = catalogue?.filters.find((one) => one.name === event.trim());
  const { isBusy, error, run } = useAct();
  const add = async () => {
    const isDone = await run(async () => {
      const there = await loadFilters(app.trim(), event.trim());
      const order = Math.max(0, ...there.map((one) => one.order)) + 1;
      await api.post(`${appPath(app.trim())}/filter`, { event: event.trim(), url: url.trim(), description: description.trim(), order });
    });
    if (!isDone) return;
    toast.say(C.filters.added(description.trim() || url.trim()));
    onClose();
    navigate(chainTo(app.trim(), event.trim()));
  };
  return (
    <Dialog title={C.filters.new} onClose={onClose} onSubmit={add}
      footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!app.trim() || !event.trim() || !url.trim()}>{C.common.create}</Button></>}>
      <p>{C.filters.newText}</p>
      {!known && <Field label={C.filters.choose} hint={C.filters.chooseHint}><Input mono value={app} onValue={setApp} data-first="" /></Field>}
      <Field label={C.filters.eventLabel} hint={chosen ? aboutEvent(chosen) : C.filters.eventHint}><Input mono value={event} onValue={setEvent} list="filter-events" data-first={known ? "" : undefined} /></Field>
      <datalist id="filter-events">{catalogue?.filters.map((one) => <option value={one.name} />)}</datalist>
      <Field label={C.chain.url}><Input type="url" mono value={url} onValue={setUrl} placeholder="https://" /></Field>
      <Field label={C.chain.description}><Input value={description} onValue={setDescription} /></Field>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}
