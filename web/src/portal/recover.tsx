// SPDX-License-Identifier: Apache-2.0
// Sending again what was lost: counted first, then told how far it is until it is over, and it can be stopped.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Meter, TableSwitch, Waterline } from "../kit/chart";
import { ApiError, Button, count, courses, duration, type Endpoint, endpoints, ErrorPanel, Panel, Select, type Task, tasks, useAct, useLoad, when } from "./common";
import { turnOn, type View } from "./endpoint";
import { M } from "./words-more";

/** How the last day of an endpoint went. */
export function Day({ view }: { view: View }): JSX.Element {
  const failing = view.health.failingSince;
  return <DayChart of={view.endpoint.id} waits={view.day.pending + view.day.sending} since={failing ? Date.parse(failing) : null} />;
}

/** The last 24 hours: above the line what arrived, below it what did not. `of`: an endpoint; null: all of them. */
export function DayChart({ of, waits = 0, since = null }: { of: string | null; waits?: number; since?: number | null }): JSX.Element {
  const [isTable, setTable] = useState(false);
  const course = useLoad(`course:${of}`, (signal) => courses.one(of, signal), { everyMs: REFRESH_MS });
  const it = course.data;
  const isEmpty = !!it && it.arrived === 0 && it.failed === 0;
  return (
    <Panel title={M.endpoint.last24} actions={it && !isEmpty && (
      <>
        <div class="legend"><span><i class="sw-t" />{M.endpoint.delivered} <b>{count(it.arrived)}</b></span><span><i class="sw-b" />{M.endpoint.failed} <b>{count(it.failed)}</b></span></div>
        <TableSwitch isTable={isTable} onChange={setTable} />
      </>
    )}>
      <div class="body stack-2">
        {!it && (course.error ? <p class="muted">{M.endpoint.unknown}</p> : <div class="daybox" />)}
        {isEmpty && <p class="muted">{M.endpoint.nothing}</p>}
        {it && !isEmpty && (
          <Waterline label={M.endpoint.course(it.arrived, it.failed)} points={it.points} stepMs={it.stepMs} upLabel={M.endpoint.delivered} downLabel={M.endpoint.failed}
            height={150} isPlain isTable={isTable} band={since && Date.now() - since > HOUR ? { from: since, to: Date.now(), label: when(since, false) } : null} />
        )}
        {waits > 0 && <p class="hint">{M.endpoint.waiting(waits)}</p>}
      </div>
    </Panel>
  );
}

const RATES = ["any", "1", "10", "50", "100"] as const;
type Rate = (typeof RATES)[number];
const LOOK_EVERY_MS = 1000, REFRESH_MS = 30_000;

/** Follows a task to its end; null: this server does not tell an application about its tasks. */
function useTask(id: string | null): Task | null {
  const [task, setTask] = useState<Task | null>(null);
  useEffect(() => {
    if (!id) return setTask(null);
    let isOver = false;
    const look = async (): Promise<void> => {
      while (!isOver) {
        try {
          const now = await tasks.get(id);
          setTask(now);
          if (now.status !== "running") return;
        } catch (error) {
          if (error instanceof ApiError && error.status >= 400 && error.status < 500) return;
        }
        await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
      }
    };
    void look();
    return () => { isOver = true; };
  }, [id]);
  return task?.id === id ? task : null; // not the one before
}

function hasEnded(task: Task | null): boolean {
  return !!task && task.status !== "running";
}

/** A recovery that was begun here: its task, and how much was lost then. */
export interface Started {
  id: string;
  lost: number;
}

interface RecoverProps {
  view: View;
  started: Started | null;
  onStart: (started: Started | null) => void;
  onChange: () => void;
}

/** What has not arrived, and the act that mends it. */
export function Recover({ view, started, onStart, onChange }: RecoverProps): JSX.Element {
  const { endpoint, since } = view;
  const [rate, setRate] = useState<Rate>("any");
  const task = useTask(started?.id ?? null);
  const { isBusy, error, run } = useAct();
  const go = () => run(async () => {
    if (endpoint.disabled) await turnOn(endpoint);
    const made = await endpoints.recover(endpoint.id, Date.parse(since!));
    if (rate !== "any") await tasks.rate(made.id, Number(rate));
    onStart({ id: made.id, lost: view.lost });
    onChange();
  });
  useEffect(() => {
    if (!started) return;
    const timer = setInterval(onChange, 2 * LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, [started]);
  if (started) return <Progress view={view} started={started.lost} task={task} onClose={() => { onStart(null); onChange(); }} />;
  return (
    <Panel class="recover">
      <div class="body">
        <p><b class="bignum">{count(view.lost)}</b></p>
        <p class="soft">{M.recover.title(view.lost)} {M.recover.since(when(view.health.failingSince ?? since!, false))}.</p>
        <label class="row raterow"><span class="soft nowrap">{M.recover.rate}</span><Select value={rate} onValue={setRate} options={RATES.map((one) => [one, one === "any" ? M.recover.rateAny : M.recover.rateOf(Number(one))] as const)} /></label>
        <Button kind="primary" busy={isBusy} onClick={go}>{endpoint.disabled ? M.recover.actOn(view.lost) : M.recover.act(view.lost)}</Button>
        {error != null && <ErrorPanel error={error} />}
        <p class="hint">{rate === "any" ? M.recover.hint : M.recover.hintTakes(duration((view.lost / Number(rate)) * 1000))}</p>
      </div>
    </Panel>
  );
}

function Progress({ view, started, task, onClose }: { view: View; started: number; task: Task | null; onClose: () => void }): JSX.Element {
  const { isBusy, error, run } = useAct();
  const arrived = Math.max(0, started - view.lost - view.day.sending - view.day.pending);
  const isQuiet = view.day.pending + view.day.sending === 0;
  const isOver = arrived >= started || ((task === null || hasEnded(task)) && isQuiet && view.health.pendingCount === 0);
  const wasStopped = task?.data.state === "canceled";
  return (
    <Panel class="recover">
      <div class="body" role="status">
        <p><b>{isOver && view.lost === 0 ? M.recover.done(started) : M.recover.running(arrived, started)}</b></p>
        <Meter share={arrived / started} label={M.recover.running(arrived, started)} />
        {isOver && view.lost > 0 && <p class="soft">{M.recover.stillFailing(view.lost)}</p>}
        {wasStopped ? <p class="hint">{M.recover.stopped}</p> : !isOver && <p class="hint">{M.recover.started}</p>}
        {error != null && <ErrorPanel error={error} />}
        <div class="row">
          {!isOver && task && !hasEnded(task) && <Button small busy={isBusy} onClick={() => run(async () => { await tasks.cancel(task.id); })}>{M.recover.stop}</Button>}
          {(isOver || hasEnded(task)) && <Button small onClick={onClose}>{M.recover.close}</Button>}
        </div>
      </div>
    </Panel>
  );
}

const HOUR = 3_600_000, DAY = 24 * HOUR;
type Range = keyof typeof M.recover.ranges;
/** Fourteen days is the most that is looked back; a minute less, as clocks differ. */
const SPANS: Record<Range, number> = { "1h": HOUR, "24h": DAY, "7d": 7 * DAY, "14d": 14 * DAY - 60_000 };

/** What happened while the endpoint was not there. */
export function Replay({ endpoint, onChange }: { endpoint: Endpoint; onChange: () => void }): JSX.Element {
  const [range, setRange] = useState<Range>("24h");
  const [started, setStarted] = useState<string | null>(null);
  const task = useTask(started), sent = task?.data.done ?? 0;
  const { isBusy, error, run } = useAct();
  const go = () => run(async () => {
    setStarted((await endpoints.replayMissing(endpoint.id, Date.now() - SPANS[range])).id);
    onChange();
  });
  const state = !started ? "" : hasEnded(task) ? M.recover.replayDone(sent) : sent > 0 ? M.recover.replaySent(sent) : M.recover.replayStarted;
  return (
    <Panel title={M.recover.replay}>
      <div class="body stack-2">
        <p class="soft">{M.recover.replayMore}</p>
        <div class="row wrap">
          <label class="row"><span class="soft nowrap">{M.recover.replayFrom}</span><Select value={range} onValue={(next) => { setRange(next); setStarted(null); }} options={(Object.keys(SPANS) as Range[]).map((one) => [one, M.recover.ranges[one]] as const)} /></label>
          <Button busy={isBusy} disabled={!!started && !hasEnded(task)} onClick={go}>{M.recover.replayAct}</Button>
          {task && !hasEnded(task) && <Button kind="quiet" onClick={() => run(async () => { await tasks.cancel(task.id); })}>{M.recover.stop}</Button>}
          <span role="status" class="soft">{state}</span>
        </div>
        {error != null && <ErrorPanel error={error} />}
      </div>
    </Panel>
  );
}
