// SPDX-License-Identifier: Apache-2.0
// The chain of an event: who is asked, in which order, and what would be said of a change before it is saved.
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import {
  api, bindKeys, Button, duration, ErrorPanel, Icon, Menu, MenuItem, may, part, setLeaveGuard, Status, Tag, toast, useAct, useLoad, type List, type Params,
} from "../../kit";
import { C } from "../../words/console_filters";
import { appCrumb, APPS, appPath, Shown, useApp, useOpen } from "../common";
import { usePage } from "../shell";
import { LatestChanges } from "./audit";
import type { FilterChain, FilterRun, Webfilter } from "../types";
import { changesOf, newFilter, saveChain, type Change, type DraftFilter } from "./chain_draft";
import { FilterForm } from "./chain_form";
import { DryRun, LastRuns, PluginUrl, RunByHand, ChainSettings } from "./chain_side";
import { loadFilters, useCatalogue } from "./filters";

function rulesOf(filter: DraftFilter): string[] {
  const rules = C.chain.rules;
  return [
    filter.disableHalt ? rules.noHalt : [filter.haltOn4xx && rules.on4xx, filter.haltOn5xx && rules.on5xx, filter.haltOnRequestException && rules.noAnswer, filter.failClosed && rules.closed],
    filter.disableFiltering && rules.noData,
    (filter.redirectOn4xx || filter.redirectOn5xx || filter.redirectOnRequestException) && rules.redirects,
    filter.encoding === "form" && rules.form,
  ].flat().filter((one): one is (typeof rules)[keyof typeof rules] => !!one);
}

/** How it did in the runs that are shown. */
interface Doing {
  tookMs: number | null;
  halts: number;
  failures: number;
  asked: number;
}

function doingOf(id: string, runs: readonly FilterRun[]): Doing {
  const parts = runs.flatMap((run) => run.summary.filters.filter((one) => one.id === id && one.effect !== "not asked"));
  const took = parts.map((one) => one.tookMs).sort((a, b) => a - b);
  return { asked: parts.length, tookMs: took.length ? took[Math.min(took.length - 1, Math.floor(took.length * 0.95))]! : null, halts: parts.filter((one) => one.effect === "halted").length, failures: parts.filter((one) => one.error).length };
}

function FilterState({ filter, doing }: { filter: DraftFilter; doing: Doing }): JSX.Element {
  if (!filter.enabled) return <Status is="disabled">{C.chain.state.off}</Status>;
  if (filter.mode === "shadow") return <Status is="shadow" />;
  if (doing.halts) return <Status is="halting">{C.chain.halting(doing.halts)}</Status>;
  if (doing.failures) return <Status is="attention">{C.chain.state.failing}</Status>;
  return doing.asked ? <Status is="answering" /> : <Status is="quiet" />;
}

interface RowProps {
  filter: DraftFilter;
  order: number;
  isPicked: boolean;
  doing: Doing;
  onPick: () => void;
  onMove: (step: number) => void;
}

function FilterRow({ filter, order, isPicked, doing, onPick, onMove }: RowProps): JSX.Element {
  const name = filter.description || filter.url || C.chain.newName;
  const key = (event: KeyboardEvent) => {
    const step = event.key === "ArrowUp" ? -1 : event.key === "ArrowDown" ? 1 : 0;
    if (!event.altKey || !step || !may("change")) return;
    event.preventDefault();
    onMove(step);
  };
  return (
    <li class={`fil${isPicked ? " is-sel" : ""}${filter.isGone ? " is-gone" : ""}`} onKeyDown={key} data-filter={filter.id}>
      {may("change") ? <span class="movers"><button type="button" class="copy" aria-label={C.chain.up(name)} title={C.chain.up(name)} onClick={() => onMove(-1)}><Icon small name="up" /></button><button type="button" class="copy" aria-label={C.chain.down(name)} title={C.chain.down(name)} onClick={() => onMove(1)}><Icon small name="down" /></button></span> : <span />}
      <span class="ord">{filter.isGone ? "–" : order}</span>
      <div class="grow">
        <span class="row gap-1"><button type="button" class="main-link linkish" aria-pressed={isPicked} onClick={onPick}><bdi class="trunc">{name}</bdi></button><Tag mono={false}>{filter.mode}</Tag></span>
        <span class="l2 mono trunc"><bdi>{filter.url}</bdi></span>
        <span class="rules">{filter.isGone ? <span class="tag gone">{C.chain.gone}</span> : rulesOf(filter).map((rule) => <Tag mono={false}>{rule}</Tag>)}</span>
      </div>
      <span class="fil-p">{doing.tookMs !== null && <>{duration(doing.tookMs)}<span class="l2">{C.chain.p95}</span></>}</span>
      <span class="fil-st"><FilterState filter={filter} doing={doing} /></span>
    </li>
  );
}

function moved(draft: readonly DraftFilter[], id: string, step: number): DraftFilter[] {
  const next = [...draft];
  const at = next.findIndex((one) => one.id === id), to = at + step;
  if (at < 0 || to < 0 || to >= next.length) return next;
  [next[at], next[to]] = [next[to]!, next[at]!];
  return next;
}

interface Loaded {
  saved: Webfilter[];
  chain: FilterChain;
  runs: FilterRun[];
}

async function load(app: string, event: string, signal: AbortSignal): Promise<Loaded> {
  const path = appPath(app);
  const [saved, chain, runs] = await Promise.all([
    loadFilters(app, event, signal),
    api.get<FilterChain>(`${path}/filter-chain/${part(event)}`, undefined, signal),
    api.get<List<FilterRun>>(`${path}/filter-run`, { event, limit: 50, order: "descending" }, signal),
  ]);
  return { saved, chain, runs: runs.data };
}

function SaveBar({ changes, isBusy, onSave, onDiscard }: { changes: readonly Change[]; isBusy: boolean; onSave: () => void; onDiscard: () => void }): JSX.Element | null {
  if (!changes.length) return null;
  return (
    <div class="savebar" role="status">
      <Icon name="diamond" class="warned" />
      <span class="grow"><b>{C.chain.changes(changes.length)}</b> <bdi>{changes.map((one) => one.filter.description || one.filter.url || C.chain.newName).slice(0, 3).join(", ")}</bdi></span>
      <Button small kind="quiet" onClick={onDiscard}>{C.chain.discard}</Button>
      <Button small kind="primary" busy={isBusy} onClick={onSave}>{C.chain.save}</Button>
    </div>
  );
}

type Act = "url" | "run" | "settings";

export function ChainPage({ params }: { params: Params }): JSX.Element {
  const appId = params["app"]!, event = params["event"]!;
  const app = useApp(appId);
  const loaded = useLoad(`chain ${appId} ${event}`, (signal) => load(appId, event, signal));
  usePage(event, [APPS, appCrumb(appId, app.data), { label: C.nav.filters, to: `/apps/${part(appId)}/filters` }]);
  return <Shown loaded={loaded}>{(data) => <ChainView key={data.saved.map((one) => one.id + one.updatedAt).join()} app={appId} event={event} data={data} reload={loaded.reload} />}</Shown>;
}

function useDraft(data: Loaded): { draft: DraftFilter[]; setDraft: (change: (was: DraftFilter[]) => DraftFilter[]) => void; changes: Change[] } {
  const [draft, setDraft] = useState<DraftFilter[]>(data.saved);
  const changes = useMemo(() => changesOf(draft, data.saved), [draft, data.saved]);
  useEffect(() => {
    setLeaveGuard(changes.length ? () => confirm(C.chain.leave) : null);
    return () => setLeaveGuard(null);
  }, [changes.length]);
  return { draft, setDraft, changes };
}

function ChainView({ app, event, data, reload }: { app: string; event: string; data: Loaded; reload: () => void }): JSX.Element {
  const { draft, setDraft, changes } = useDraft(data);
  const [picked, setPicked] = useState<string | null>(draft[0]?.id ?? null);
  const [act, open] = useOpen<Act>();
  const known = useCatalogue()?.filters.find((one) => one.name === event);
  const { isBusy, error, run } = useAct();
  const save = () => void run(() => saveChain(app, draft, data.saved)).then((isDone) => {
    if (!isDone) return;
    setLeaveGuard(null);
    toast.say(C.chain.saved);
    reload();
  });
  const add = () => {
    const made = newFilter(event, draft.length + 1);
    setDraft((was) => [...was, made]);
    setPicked(made.id);
  };
  const move = (id: string, step: number) => {
    setDraft((was) => moved(was, id, step));
    requestAnimationFrame(() => document.querySelector<HTMLElement>(`[data-filter="${CSS.escape(id)}"] .main-link`)?.focus());
  };
  useEffect(() => (may("change") ? bindKeys({ n: add }) : undefined), [draft.length]);
  const one = draft.find((filter) => filter.id === picked);
  const halts = data.runs.filter((entry) => entry.summary.halt).length;
  let order = 0;
  return (
    <>
      <div class="ephead">
        <div class="grow">
          <div class="row gap-3 wrap"><h1><bdi>{event}</bdi></h1>{halts > 0 && <Status is="halting">{C.chain.halting(halts)}</Status>}</div>
          {known && <p class="soft">{known.canRedirect ? C.chain.about.redirects : known.canHalt ? C.chain.about.halts : C.chain.about.neither}{known.exception && ` ${C.chain.about.exception(known.exception)}`}</p>}
        </div>
        <div class="row">
          <Button needs="change" icon="link" class="only-lg" onClick={() => open("url")}>{C.chain.pluginUrl}</Button>
          <Button needs="change" icon="play" onClick={() => open("run")}>{C.chain.run}</Button>
          <Menu label={C.common.more} needs="change">
            <MenuItem needs="change" icon="link" onClick={() => open("url")}>{C.chain.pluginUrl}</MenuItem>
            <MenuItem needs="change" icon="gear" onClick={() => open("settings")}>{C.chain.settings}</MenuItem>
          </Menu>
        </div>
      </div>
      <SaveBar changes={changes} isBusy={isBusy} onSave={save} onDiscard={() => { setDraft(() => data.saved); setPicked(data.saved[0]?.id ?? null); }} />
      {error != null && <div class="mb"><ErrorPanel error={error} /></div>}
      <div class="wfgrid">
        <div class="stack">
          <section class="panel" aria-label={C.chain.here}>
            <header><h2 class="grow">{C.chain.here}<span class="muted normal">{C.chain.inOrder(duration(data.chain.deadlineMs))}</span></h2><span class="keys-h only-lg muted row gap-1"><kbd class="kbd">Alt</kbd><kbd class="kbd">↑</kbd><kbd class="kbd">↓</kbd> {C.chain.moves}</span><Button needs="change" small icon="plus" onClick={add}>{C.chain.add}</Button></header>
            <div>
              <p class="flow-in"><Icon small name="down" />{C.chain.from}</p>
              {draft.length ? (
                <ol>{draft.map((filter) => <FilterRow key={filter.id} filter={filter} order={filter.isGone ? 0 : ++order} isPicked={filter.id === picked} doing={doingOf(filter.id, data.runs)} onPick={() => setPicked(filter.id)} onMove={(step) => move(filter.id, step)} />)}</ol>
              ) : <p class="body muted">{C.chain.noFiltersText}</p>}
              <p class="flow-in out"><Icon small name="down" />{C.chain.to}</p>
            </div>
          </section>
          {one && <FilterForm key={one.id} app={app} filter={one} known={known} saved={data.saved.find((before) => before.id === one.id)} onChange={(change) => setDraft((was) => was.map((filter) => (filter.id === one.id ? { ...filter, ...change } : filter)))} onRemove={() => setDraft((was) => (one.isNew ? was.filter((filter) => filter.id !== one.id) : was.map((filter) => (filter.id === one.id ? { ...filter, isGone: !filter.isGone } : filter))))} />}
        </div>
        <div class="stack">
          <DryRun app={app} event={event} draft={draft} isEdited={changes.length > 0} />
          <LastRuns app={app} event={event} runs={data.runs} filters={data.saved} />
          <LatestChanges key={data.saved.map((one) => one.id + one.updatedAt).join()} app={app} object={event} />
        </div>
      </div>
      {act === "url" && <PluginUrl app={app} chain={data.chain} onClose={() => open(null)} onDone={reload} />}
      {act === "run" && <RunByHand app={app} event={event} onClose={() => open(null)} onDone={reload} />}
      {act === "settings" && <ChainSettings app={app} chain={data.chain} onClose={() => open(null)} onDone={reload} />}
    </>
  );
}

