// SPDX-License-Identifier: Apache-2.0
// How things are: what is wrong now, then the figures, then the charts, then who has the traffic.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import {
  api, ApiError, Button, bytes, count, duration, Empty, ErrorPanel, figure, Lines, Link, now, Panel, part, percent, Seg, Skel, Spark, Table, TableSwitch, useLoad, Waterline, type Column, type List, type WaterPoint,
} from "../../kit";
import { C } from "../../words/console_overview";
import { Stat } from "../common";
import { RangeBar, rangeOf, type Range } from "../range";
import { FAILED, measure, timesOf, totalOf, useSeries, waterPoints, type Series, type SeriesRows } from "../series";
import { usePage } from "../shell";
import { useStream } from "../../kit/stream";
import { needing, TroubleList, troubles } from "../trouble";
import type { Application } from "../types";
import { LiveList, Rate } from "./live";

const MEASURES = "accepted,delivered,failed,attempts,attempts2xx,attempts3xx,attempts4xx,attempts5xx,attemptsNone,attemptP50,attemptP95";

interface Sums {
  seconds: number;
  accepted: number;
  delivered: number;
  lost: number;
  attempts: number;
  failed: number;
  p50: number | null;
  p95: number | null;
}

/** Seconds of which something is known: a server of one hour has no day behind it. */
function knownSeconds(data: Series): number {
  const values = measure(data.series, "accepted")?.values ?? [];
  return Math.max(1, values.filter((one) => one !== null).length) * data.stepSeconds;
}

function sumsOf(data: Series): Sums {
  const total = (name: string) => measure(data.series, name)?.total ?? 0;
  return {
    seconds: knownSeconds(data), accepted: total("accepted"), delivered: total("delivered"), lost: total("failed"), attempts: total("attempts"),
    failed: FAILED.reduce((sum, name) => sum + total(name), 0), p50: measure(data.series, "attemptP50")?.total ?? null, p95: measure(data.series, "attemptP95")?.total ?? null,
  };
}

interface Disk {
  store: { bytes: number; freeBytes: number | null; daysLeft: number | null };
}

const SOON_DAYS = 14, DISK_MS = 60_000;

/** Not everybody may see the server itself: then there is nothing. */
function useDisk(): Disk | null | undefined {
  return useLoad("disk", (signal) => api.get<Disk>("/api/v1/system", undefined, signal).catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 403) return null;
    throw error;
  }), { everyMs: DISK_MS }).data;
}

function DiskStat(): JSX.Element | null {
  const disk = useDisk();
  if (disk === null) return null;
  const days = disk?.store.daysLeft ?? null;
  const value = !disk ? <Skel w={2} /> : days === null ? bytes(disk.store.freeBytes ?? disk.store.bytes) : C.overview.days(figure(days));
  return <Stat label={C.overview.disk} tone={days !== null && days < SOON_DAYS ? "warned" : undefined} value={<Link class="plainlink" to="/system">{value}</Link>} unit={disk && days !== null && C.overview.left} sub={disk && (days === null ? (disk.store.freeBytes === null ? C.overview.stored : C.overview.free) : C.overview.atRate)} />;
}

/** What waits longest; what is late stands among the troubles. */
function WaitStat(): JSX.Element {
  const list = troubles.value;
  const late = list?.data.filter((one) => one.oldestWaitingAt) ?? [];
  const oldest = late.length ? Math.min(...late.map((one) => new Date(one.oldestWaitingAt!).getTime())) : null;
  const n = late.reduce((sum, one) => sum + (one.waitingCount ?? 0), 0);
  return <Stat label={C.overview.oldest} tone={oldest ? "warned" : undefined} value={!list ? <Skel w={2} /> : oldest ? duration(now.value - oldest) : "–"} sub={list && (oldest ? C.overview.waiting(count(n)) : C.overview.nothingLate)} />;
}

function Figures({ sums }: { sums: Sums | undefined }): JSX.Element {
  const wait = <Skel w={2} />;
  const share = sums && sums.lost + sums.delivered > 0 ? sums.lost / (sums.lost + sums.delivered) : 0;
  const failing = sums && sums.attempts > 0 ? sums.failed / sums.attempts : 0;
  return (
    <section class="stats seven" aria-label={C.overview.messages}>
      <Stat label={C.overview.accepted} value={sums ? figure(sums.accepted / sums.seconds) : wait} unit={sums && C.overview.perSecond} sub={sums && C.overview.acceptedSub(count(sums.accepted))} />
      <Stat label={C.overview.delivered} value={sums ? figure(sums.delivered / sums.seconds) : wait} unit={sums && C.overview.perSecond} sub={sums && C.overview.deliveredSub(count(sums.delivered))} />
      <Stat label={C.overview.lost} tone={sums?.lost ? "bad" : undefined} value={sums ? count(sums.lost) : wait} sub={sums && (sums.lost ? C.overview.lostSub(percent(share)) : C.overview.noneLost)} />
      <Stat label={C.overview.failed} tone={failing > 0.01 ? "bad" : undefined} value={sums ? percent(failing) : wait} unit={sums && C.overview.percent} sub={sums && C.overview.failedSub(count(sums.failed), count(sums.attempts))} />
      <Stat label={C.overview.p95} value={sums ? sums.p95 === null ? "–" : duration(sums.p95) : wait} sub={sums?.p50 != null && C.overview.p95Sub(duration(sums.p50))} />
      <WaitStat />
      <DiskStat />
    </section>
  );
}

function perSecond(points: readonly WaterPoint[], divisor: number): WaterPoint[] {
  const scaled = (value: number | null) => (value === null ? null : value / divisor);
  return points.map((point) => ({ t: point.t, up: scaled(point.up), down: scaled(point.down) }));
}

function MainChart({ data }: { data: Series }): JSX.Element {
  const [isTable, setTable] = useState(false);
  const points = waterPoints(data, data.series, "delivered", FAILED);
  // A second where there are many, a minute where a second would be a fraction.
  const isBusy = Math.max(...points.map((point) => point.up ?? 0)) / data.stepSeconds >= 1;
  const total = (name: string) => count(measure(data.series, name)?.total ?? 0);
  return (
    <Panel flush title={C.overview.chart(isBusy ? C.overview.aSecond : C.overview.aMinute)} actions={<><div class="legend"><span><i class="sw-t" />{C.overview.legendDelivered}</span><span><i class="sw-b" />{C.overview.legendFailed}</span></div><TableSwitch isTable={isTable} onChange={setTable} /></>}>
      <div class="body pt0"><Waterline isTable={isTable} height={262} label={C.overview.label(total("delivered"), count(totalOf(data.series, FAILED)))} points={perSecond(points, isBusy ? data.stepSeconds : data.stepSeconds / 60)} stepMs={data.stepSeconds * 1000} upLabel={C.overview.legendDelivered} downLabel={C.overview.legendFailed} /></div>
    </Panel>
  );
}

function TimeChart({ data }: { data: Series }): JSX.Element {
  return (
    <Panel flush title={C.overview.time} actions={<div class="legend"><span><i class="sw-t" />{C.overview.most}</span><span><i class="sw-d" />{C.overview.half}</span></div>}>
      <div class="body pt0">
        <Lines label={C.overview.timeLabel} times={timesOf(data)} show={duration} series={[
          { label: C.overview.most, values: measure(data.series, "attemptP95")?.values ?? [], kind: "tide", isFilled: true },
          { label: C.overview.half, values: measure(data.series, "attemptP50")?.values ?? [], kind: "depth", isDashed: true },
        ]} />
      </div>
    </Panel>
  );
}

/** Attempts by what was answered, as bars of one length. */
function Answers({ data }: { data: Series }): JSX.Element {
  const kinds = Object.keys(C.overview.answerKinds);
  const totals = kinds.map((name) => measure(data.series, name)?.total ?? 0);
  const most = Math.max(1, ...totals);
  return (
    <Panel flush title={C.overview.answers}>
      <div class="body pt0">
        <dl class="bars">
          {kinds.map((name, i) => (
            <>
              <dt>{C.overview.answerKinds[name]}</dt>
              <dd><svg class="chart" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class={FAILED.includes(name) ? "buoy" : "tide"} x="0" y="1" height="6" width={totals[i] ? Math.max(0.6, (totals[i]! / most) * 100) : 0} /></svg><span class={`num${FAILED.includes(name) && totals[i] ? " bad" : ""}`}>{count(totals[i]!)}</span></dd>
            </>
          ))}
        </dl>
      </div>
    </Panel>
  );
}

interface AppRow {
  app: Application;
  messages: number;
  delivered: number;
  lost: number;
  points: WaterPoint[];
}

const APPS_LOOKED_AT = 200, SHOWN = 6, AT_ONCE = 100;

async function loadBusiest({ from, to, rowStep }: Range, signal: AbortSignal): Promise<{ rows: AppRow[]; isPart: boolean }> {
  const apps = await api.get<List<Application>>("/api/v1/app", { limit: APPS_LOOKED_AT, order: "descending" }, signal);
  const rows: AppRow[] = [];
  for (let at = 0; at < apps.data.length; at += AT_ONCE) {
    const some = apps.data.slice(at, at + AT_ONCE);
    const found = await api.get<SeriesRows>("/api/v1/series/rows", { of: "application", ids: some.map((app) => app.id).join(), measure: "accepted,delivered,failed", from, to, step: rowStep }, signal);
    for (const row of found.data) {
      const app = some.find((one) => one.id === row.id);
      const total = (name: string) => measure(row.series, name)?.total ?? 0;
      if (app) rows.push({ app, messages: total("accepted"), delivered: total("delivered"), lost: total("failed"), points: waterPoints(found, row.series, "delivered", ["failed"]) });
    }
  }
  return { rows, isPart: !apps.done };
}

const shareOf = (row: AppRow) => (row.delivered + row.lost ? row.delivered / (row.delivered + row.lost) : 1);

const COLUMNS: readonly Column<AppRow>[] = [
  { key: "app", head: C.overview.application, cell: ({ app }) => <><Link class="main-link" to={`/apps/${part(app.id)}`}><bdi>{app.name}</bdi></Link>{app.uid && <span class="l2 mono trunc"><bdi>{app.uid}</bdi></span>}</> },
  { key: "trend", head: C.overview.trend, class: "c-sp", cell: (row) => <Spark label={C.overview.label(count(row.delivered), count(row.lost))} points={row.points} /> },
  { key: "n", head: C.overview.messages, isNum: true, cell: (row) => count(row.messages) },
  { key: "share", head: C.overview.share, isNum: true, cell: (row) => <span class={shareOf(row) < 0.99 ? "bad" : ""}>{row.delivered + row.lost ? `${percent(shareOf(row))} %` : "–"}</span> },
];

function Busiest({ range }: { range: Range }): JSX.Element {
  const [by, setBy] = useState<"volume" | "failures">("volume");
  const loaded = useLoad(`busiest ${JSON.stringify(range)}`, (signal) => loadBusiest(range, signal), { everyMs: 30_000 });
  const rows = loaded.data?.rows.filter((row) => row.messages + row.lost > 0).sort((a, b) => (by === "volume" ? b.messages - a.messages : b.lost - a.lost)).slice(0, SHOWN);
  return (
    <Panel inset class="clip" title={C.overview.busiest} actions={<Seg small label={C.overview.busiest} value={by} onChange={setBy} options={[["volume", C.overview.volume], ["failures", C.overview.failures]]} />}
      footer={loaded.data?.isPart ? C.overview.partApps(APPS_LOOKED_AT) : undefined}>
      {loaded.error != null && <ErrorPanel error={loaded.error} onRetry={loaded.reload} />}
      {rows?.length === 0 ? <Empty title={C.overview.noTraffic}>{C.overview.noTrafficText}</Empty>
        : <Table label={C.overview.busiest} columns={COLUMNS} rows={rows} rowKey={(row) => row.app.id} rowTo={(row) => `/apps/${part(row.app.id)}`} isSlow={loaded.isSlow} skeletonRows={SHOWN} />}
    </Panel>
  );
}

const LIVE_SHOWN = 8;

/** The last few attempts, as they happen. */
function LivePanel(): JSX.Element {
  const [isPaused, setPaused] = useState(false);
  const live = useStream({ kinds: "attempt", sample: 10 }, LIVE_SHOWN, isPaused);
  return (
    <Panel title={<Link class="plainlink" to="/live">{C.nav.live}</Link>} actions={<><Rate live={live} /><Button small icon={isPaused ? "play" : "pause"} onClick={() => setPaused(!isPaused)}>{isPaused ? C.live.resume : C.live.pause}</Button></>}>
      <div class="liveroom">{live.error != null ? <ErrorPanel error={live.error} /> : live.events.length ? <LiveList live={live} /> : <p class="body muted">{C.live.noneText}</p>}</div>
    </Panel>
  );
}

function Headline(): JSX.Element {
  const list = troubles.value;
  const n = needing.value;
  return <h1 class="grow">{!list ? C.nav.overview : n ? C.overview.needs(n) : C.overview.nothing}</h1>;
}

export function Overview(): JSX.Element {
  usePage(C.nav.overview);
  const { range } = rangeOf("6h");
  const series = useSeries("organisation", MEASURES, { from: range.from, to: range.to, step: range.step });
  const { data } = series;
  return (
    <>
      <div class="phead">
        <Headline />
        <RangeBar absent="6h" labels={C.overview.ranges} />
      </div>
      {series.error != null && <ErrorPanel error={series.error} onRetry={series.reload} />}
      {troubles.value ? <TroubleList list={troubles.value} /> : <div class="panel incs incsroom" />}
      <Figures sums={data && sumsOf(data)} />
      <div class="ov">
        {data ? <MainChart data={data} /> : <Panel flush title=" "><div class="body chartroom" /></Panel>}
        <div class="stack">{data && <><TimeChart data={data} /><Answers data={data} /></>}</div>
      </div>
      <div class="ov ov-2"><Busiest range={range} /><LivePanel /></div>
    </>
  );
}
