// SPDX-License-Identifier: Apache-2.0
// How the server itself does: what it runs on, what it has room for, and what the doctor says.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, bytes, count, duration, ErrorPanel, figure, Link, Meter, Panel, part, Status, Table, Time, useAct, useLoad, when, type Column } from "../../kit";
import { C } from "../../words/console_server";
import { Shown, Stat } from "../common";
import { usePage } from "../shell";
import { DiskPanel } from "./system_disk";
import type { Lane, Limit, Node, Option, Segment, System } from "./system_types";

const HELD_MS = 1000, SOON_DAYS = 14, SEGMENTS_SHOWN = 12, CLOCK_MS = 1000;

function Figures({ data }: { data: System }): JSX.Element {
  const held = data.loops.filter((loop) => loop.waitingMs > HELD_MS).length;
  const days = data.store.daysLeft;
  return (
    <section class="stats" aria-label={C.system.title}>
      <Stat label={C.system.version} value={data.version} />
      <Stat label={C.system.started} value={duration(data.uptimeSeconds * 1000)} sub={C.system.startedSub(when(data.startedAt, false))} />
      <Stat label={C.system.loops} value={count(data.loops.length)} tone={held ? "bad" : undefined} sub={held ? C.system.held(held) : C.system.turning} />
      <Stat label={C.system.lanes} value={count(data.delivering.lanes)} sub={C.system.parked(data.delivering.parked)} />
      <Stat label={C.system.disk} value={days === null ? bytes(data.store.bytes) : C.system.days(figure(days))} tone={days !== null && days < SOON_DAYS ? "warned" : undefined} sub={days === null ? (data.store.freeBytes === null ? C.system.database : C.system.free(bytes(data.store.freeBytes))) : C.system.daysSub} />
    </section>
  );
}

const LANES: readonly Column<Lane>[] = [
  { key: "ep", head: C.system.endpoint, cell: (lane) => (lane.endpointId ? <><Link class="main-link mono trunc" to={`/find/${part(lane.endpointId)}`}>{lane.endpointId}</Link>{lane.parkedUntil && <span class="l2">{C.system.parkedUntil} <Time at={lane.parkedUntil} /></span>}{lane.moreInStore && <span class="l2">{C.system.more}</span>}</> : "–") },
  { key: "waiting", head: C.system.waiting, isNum: true, cell: (lane) => count(lane.waiting) },
  { key: "attempts", head: C.system.attempts, isNum: true, class: "c-lg", cell: (lane) => C.system.use(lane.attempts, lane.window) },
  { key: "row", head: C.system.row, isNum: true, class: "c-lg", cell: (lane) => <span class={lane.failuresInRow ? "bad" : ""}>{count(lane.failuresInRow)}</span> },
];

function segmentColumns(all: readonly Segment[]): Column<Segment>[] {
  const most = Math.max(1, ...all.map((one) => one.bytes));
  return [...SEGMENTS, { key: "size", head: C.system.size, isNum: true, cell: (segment) => <span class="progress"><span>{bytes(segment.bytes)}</span><Meter share={segment.bytes / most} label={bytes(segment.bytes)} /></span> }];
}

const SEGMENTS: readonly Column<Segment>[] = [
  { key: "from", head: C.system.from, cell: (segment) => (segment.from ? <Time at={segment.from} seconds={false} /> : "–") },
  { key: "until", head: C.system.until, class: "c-lg", cell: (segment) => (segment.until ? <Time at={segment.until} seconds={false} /> : C.system.now) },
  { key: "messages", head: C.system.messages, isNum: true, cell: (segment) => count(segment.messages) },
  { key: "pending", head: C.system.pending, isNum: true, class: "c-lg", cell: (segment) => count(segment.pending) },
];

const NODES: readonly Column<Node>[] = [
  { key: "name", head: C.system.node, cell: (node) => <bdi class="mono">{node.name}</bdi> },
  { key: "state", head: C.system.state, cell: (node) => <Status bare is={node.atWork ? "well" : "quiet"}>{node.atWork ? C.system.atWork : C.system.standsBy}</Status> },
  { key: "address", head: C.system.address, class: "c-lg", cell: (node) => (node.address ? <bdi class="mono">{node.address}</bdi> : "–") },
];

function inUse(limit: Limit): string {
  return limit.unit === "bytes" ? C.system.share(bytes(limit.used), bytes(limit.max)) : C.system.use(limit.used, limit.max);
}

const LIMITS: readonly Column<Limit>[] = [
  { key: "name", head: C.system.limit, cell: (limit) => <code>{limit.name}</code> },
  { key: "use", head: C.system.inUse, cell: (limit) => <span class="progress"><span>{inUse(limit)}</span><Meter share={limit.max ? limit.used / limit.max : 0} isBad={limit.used > limit.max * 0.9} label={inUse(limit)} /></span> },
];

const OPTIONS: readonly Column<Option>[] = [
  { key: "name", head: C.system.option, cell: (option) => <><code>{option.name}</code>{!option.reloadable && <span class="l2">{C.system.restart}</span>}</> },
  { key: "value", head: C.system.value, cell: (option) => <bdi class="mono">{option.value}</bdi> },
  { key: "source", head: C.system.source, class: "c-lg", cell: (option) => <span class="soft">{option.source}</span> },
];

interface Check {
  name: string;
  verdict: "ok" | "warn" | "fail";
  text: string;
}

function Doctor(): JSX.Element {
  const [checks, setChecks] = useState<Check[] | null>(null);
  const { isBusy, error, run } = useAct();
  const go = () => void run(async () => setChecks((await api.post<{ checks: Check[] }>("/api/v1/system/doctor", {})).checks));
  return (
    <Panel title={C.system.doctor} actions={<Button small busy={isBusy} onClick={go}>{checks ? C.system.again : C.system.run}</Button>}>
      <div class="body" role="status">
        {!checks && <p class="muted">{C.system.doctorText}</p>}
        {checks?.map((check) => <p class="doctor"><Status bare is={check.verdict === "ok" ? "well" : check.verdict === "warn" ? "attention" : "failed"}>{check.name}</Status><span class="soft"><bdi>{check.text}</bdi></span></p>)}
        {error != null && <ErrorPanel error={error} />}
      </div>
    </Panel>
  );
}

export function SystemPage(): JSX.Element {
  usePage(C.nav.system);
  const loaded = useLoad("system", (signal) => api.get<System>("/api/v1/system", undefined, signal), { everyMs: 10_000 });
  return (
    <>
      <div class="phead"><h1>{C.system.title}</h1></div>
      <Shown loaded={loaded}>
        {(data) => (
          <div class="stack">
            <p>{data.store.healthy ? <Status is="well">{C.system.well}</Status> : <Status is="failed">{C.system.notWell(data.store.reason ?? "")}</Status>}{Math.abs(data.clock.aheadMs) > CLOCK_MS && <span class="warned"> {C.system.clockOff(duration(data.clock.aheadMs))}</span>}</p>
            <Figures data={data} />
            <DiskPanel store={data.store} options={data.options} />
            <Doctor />
            {data.nodes.length > 0 && <Panel inset class="clip clipx" title={C.system.nodes} footer={data.nodes.length === 1 ? C.system.alone : undefined}><Table label={C.system.nodes} columns={NODES} rows={data.nodes} rowKey={(node) => node.name} /></Panel>}
            {data.delivering.busiest.length > 0 && <Panel inset class="clip clipx" title={C.system.busiest}><Table label={C.system.busiest} columns={LANES} rows={data.delivering.busiest.slice(0, SEGMENTS_SHOWN)} rowKey={(lane) => lane.endpointId ?? String(lane.waiting)} /></Panel>}
            <Panel inset class="clip clipx" title={C.system.segments} footer={data.store.segmentCount > SEGMENTS_SHOWN ? C.system.newest(SEGMENTS_SHOWN, data.store.segmentCount) : undefined}><Table label={C.system.segments} columns={segmentColumns(data.store.segments)} rows={data.store.segments.slice(0, SEGMENTS_SHOWN)} rowKey={(segment) => `${segment.from}`} /></Panel>
            <Panel inset class="clip clipx" title={C.system.limits}><Table label={C.system.limits} columns={LIMITS} rows={data.limits} rowKey={(limit) => limit.name} /></Panel>
            <Panel inset class="clip clipx" title={C.system.options}><Table dense label={C.system.options} columns={OPTIONS} rows={data.options} rowKey={(option) => option.name} /></Panel>
          </div>
        )}
      </Shown>
    </>
  );
}
