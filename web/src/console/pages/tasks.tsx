// SPDX-License-Identifier: Apache-2.0
// What runs in the background: how far it is, how fast, and how to slow it down or stop it.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Chips, clock, Confirm, Empty, ErrorPanel, Facts, Id, Link, Meter, pageIterator, Pager, Panel, part, query, Select, Status, Table, Tabs, Time, toast, useAct, useLoad, type Column, type FilterSpec, type List, type Params, type StatusName } from "../../kit";
import { JsonTree } from "../../kit/json";
import { C } from "../../words/console_admin";
import { Shown } from "../common";
import { usePage } from "../shell";
import type { Task } from "../types";

interface Progress {
  state: string;
  total: number | null;
  done: number;
  failed: number;
  rate: number | null;
  eta: string | null;
  startedBy: string;
  error: string | null;
}

/** How far it is, as its data tells; tasks of older servers tell less. */
export function progressOf(task: Task): Progress {
  const data = task.data as { [key: string]: unknown };
  const number = (name: string): number | null => (typeof data[name] === "number" ? (data[name] as number) : null);
  const text = (name: string): string | null => (typeof data[name] === "string" ? (data[name] as string) : null);
  const by = data["startedBy"] as { name?: string; id?: string; kind?: string } | undefined;
  return {
    state: text("state") ?? task.status, total: number("total"), done: number("done") ?? 0, failed: number("failed") ?? 0,
    rate: number("rate"), eta: text("eta"), startedBy: by?.name || by?.id || by?.kind || "", error: text("error"),
  };
}

const STATES: Record<string, StatusName> = { running: "running", paused: "paused", canceling: "running", canceled: "canceled", finished: "done", failed: "failed" };

export function isOver(task: Task): boolean {
  return !["running", "paused", "canceling"].includes(progressOf(task).state);
}

function TaskState({ task }: { task: Task }): JSX.Element {
  const { state } = progressOf(task);
  return <Status is={STATES[state] ?? "running"}>{C.tasks.states[state] ?? state}</Status>;
}

function ProgressCell({ task }: { task: Task }): JSX.Element {
  const { done, total, failed, eta } = progressOf(task);
  return (
    <span class="progress">
      <span class="row">{C.tasks.doneOf(done, total)}{failed > 0 && <span class="bad">{C.tasks.failed(failed)}</span>}{eta && !isOver(task) && <span class="muted end">{C.tasks.eta(clock(eta))}</span>}</span>
      {total !== null && <Meter share={total ? done / total : 1} label={C.tasks.doneOf(done, total)} />}
    </span>
  );
}

export function taskName(task: Task): string {
  return C.tasks.kinds[task.task] ?? task.task;
}

const FILTERS: readonly FilterSpec[] = [{ name: "status", label: C.tasks.status, options: C.tasks.statuses }];

/** Holds a running task, or lets it go on, where it is listed. */
function Hold({ task, reload }: { task: Task; reload: () => void }): JSX.Element | null {
  const { isBusy, run } = useAct();
  const isPaused = progressOf(task).state === "paused";
  if (isOver(task) || progressOf(task).state === "canceling") return null;
  const act = () => void run(async () => {
    try {
      await api.post(`/api/v1/background-task/${part(task.id)}/${isPaused ? "resume" : "pause"}`);
    } catch (error) {
      toast.fail(error);
    }
    reload();
  });
  return <Button needs="change" small icon={isPaused ? "play" : "pause"} busy={isBusy} onClick={act}>{isPaused ? C.tasks.resume : C.tasks.pause}</Button>;
}

const columnsOf = (reload: () => void): readonly Column<Task>[] => [
  { key: "task", head: C.tasks.task, cell: (task) => <><Link class="main-link" to={`/tasks/${part(task.id)}`}>{taskName(task)}</Link><span class="l2 mono trunc">{task.id}</span></> },
  { key: "state", head: C.tasks.state, class: "c-st", cell: (task) => <TaskState task={task} /> },
  { key: "progress", head: C.tasks.progress, class: "c-lg", cell: (task) => <ProgressCell task={task} /> },
  { key: "by", head: C.tasks.by, class: "c-wide", cell: (task) => <bdi>{progressOf(task).startedBy}</bdi> },
  { key: "updated", head: C.tasks.updated, isNum: true, class: "c-lg", cell: (task) => <Time at={task.updatedAt} /> },
  { key: "hold", head: <span class="sr">{C.tasks.pause}</span>, isNum: true, cell: (task) => <Hold task={task} reload={reload} /> },
];

/** Bulk actions and other tasks are two lists of the API. */
export const Tasks = (): JSX.Element => <TaskList kind="bulk" />;
export const OtherTasks = (): JSX.Element => <TaskList kind="other" />;

const PATHS = { bulk: "/api/v1/bulk", other: "/api/v1/background-task" };

function TaskList({ kind }: { kind: "bulk" | "other" }): JSX.Element {
  usePage(C.nav.tasks);
  const iterator = pageIterator();
  const status = query.value.get("status");
  const [hasOpen, setOpen] = useState(true);
  const list = useLoad(`tasks ${kind} ${iterator} ${status}`, async (signal) => {
    const page = await api.get<List<Task>>(PATHS[kind], { limit: 50, iterator, status }, signal);
    setOpen(page.data.some((task) => !isOver(task)));
    return page;
  }, { everyMs: hasOpen ? 2000 : 10_000 });
  const rows = list.data?.data;
  return (
    <>
      <div class="phead"><h1 class="grow">{C.tasks.title}<span class="h-sub">{C.tasks.sub}</span></h1></div>
      <Tabs label={C.tasks.tabs} at={kind} tabs={[{ key: "bulk", label: C.tasks.bulkTab, to: "/tasks" }, { key: "other", label: C.tasks.otherTab, to: "/tasks/other" }]} />
      <div class="filters row wrap"><Chips specs={FILTERS} /></div>
      {list.error != null && <ErrorPanel error={list.error} onRetry={list.reload} />}
      {rows && rows.length === 0 && !iterator
        ? <div class="panel">{status ? <Empty art="line" title={C.tasks.noMatch} /> : <Empty title={C.tasks.none}>{C.tasks.noneText}</Empty>}</div>
        : <div class="panel flush inset clipx"><Table class="fixed" label={C.tasks.title} columns={columnsOf(list.reload)} rows={rows} rowKey={(task) => task.id} rowTo={(task) => `/tasks/${part(task.id)}`} isSlow={list.isSlow} /></div>}
      <Pager list={list.data} />
    </>
  );
}

function Controls({ task, reload }: { task: Task; reload: () => void }): JSX.Element | null {
  const [isStopping, setStopping] = useState(false);
  const { isBusy, error, run } = useAct();
  const path = `/api/v1/background-task/${part(task.id)}`;
  const { state, rate } = progressOf(task);
  if (isOver(task)) return null;
  const to = (what: "pause" | "resume") => void run(async () => { await api.post(`${path}/${what}`); reload(); });
  const pace = (value: string) => void run(async () => { await api.post(`${path}/rate`, { rate: value ? Number(value) : null }); toast.say(C.tasks.rateSet); reload(); });
  const rates = C.tasks.rates.some(([key]) => key === String(rate ?? "")) ? C.tasks.rates : [...C.tasks.rates, [String(rate), C.common.perSecond(rate ?? 0)] as const];
  return (
    <>
      <div class="row wrap">
        <label class="rate"><span class="label">{C.tasks.rate}</span><Select value={String(rate ?? "")} options={rates as readonly (readonly [string, string])[]} onValue={pace} /></label>
        <Button needs="change" icon={state === "paused" ? "play" : "pause"} busy={isBusy} onClick={() => to(state === "paused" ? "resume" : "pause")}>{state === "paused" ? C.tasks.resume : C.tasks.pause}</Button>
        <Button needs="change" kind="danger" onClick={() => setStopping(true)}>{C.tasks.stop}</Button>
      </div>
      {error != null && <ErrorPanel error={error} />}
      {isStopping && <Confirm title={C.tasks.stopTitle} act={C.tasks.stop} danger onClose={() => setStopping(false)} onConfirm={async () => { await api.post(`${path}/cancel`); reload(); }}><p>{C.tasks.stopText}</p></Confirm>}
    </>
  );
}

const TOLD = new Set(["state", "total", "done", "failed", "rate", "eta", "startedBy", "error"]);

/** A bulk action or another task: the id does not tell which, and one call has both. */
function loadTask(id: string, signal: AbortSignal): Promise<Task> {
  return api.get<Task>(`${PATHS.other}/${part(id)}`, undefined, signal);
}

export function TaskPage({ params }: { params: Params }): JSX.Element {
  const id = params["task"]!;
  const [isOpen, setOpen] = useState(true);
  const loaded = useLoad(`task ${id}`, async (signal) => {
    const task = await loadTask(id, signal);
    setOpen(!isOver(task));
    return task;
  }, { everyMs: isOpen ? 1000 : 0 });
  usePage(loaded.data ? taskName(loaded.data) : "", [{ label: C.nav.tasks, to: "/tasks" }]);
  return (
    <Shown loaded={loaded}>
      {(task) => {
        const progress = progressOf(task);
        const rest = Object.fromEntries(Object.entries(task.data).filter(([key]) => !TOLD.has(key)));
        return (
          <div class="stack narrowpage">
            <div class="ephead"><div class="grow"><div class="row gap-3 wrap"><h1>{taskName(task)}</h1><TaskState task={task} /></div><Id value={task.id} /></div></div>
            {progress.error && <div class="note fail"><bdi>{progress.error}</bdi></div>}
            <Panel title={C.tasks.progress}>
              <div class="body stack">
                <div class="bignum">{C.tasks.doneOf(progress.done, progress.total)}</div>
                {progress.total !== null && <Meter share={progress.total ? progress.done / progress.total : 1} label={C.tasks.progress} />}
                <Facts rows={[
                  [C.tasks.state, <TaskState task={task} />],
                  progress.failed ? [C.tasks.states["failed"]!, <span class="bad">{C.tasks.failed(progress.failed)}</span>] : false,
                  [C.tasks.by, progress.startedBy && <bdi>{progress.startedBy}</bdi>],
                  [C.tasks.updated, <Time at={task.updatedAt} />],
                  progress.eta && !isOver(task) ? [C.tasks.ends, <Time at={progress.eta} rel />] : false,
                ]} />
                <Controls task={task} reload={loaded.reload} />
              </div>
            </Panel>
            {Object.keys(rest).length > 0 && <Panel class="clip" title={C.tasks.details}><JsonTree text={JSON.stringify(rest)} label={C.tasks.details} /></Panel>}
          </div>
        );
      }}
    </Shown>
  );
}
