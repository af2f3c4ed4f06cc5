// SPDX-License-Identifier: Apache-2.0
// Everything that was sent to all endpoints: the log, which is searched, and the same as it happens.
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { pageIterator, Pager } from "../kit/pager";
import { type LiveEvent, useStream } from "../kit/stream";
import { type Column, Table } from "../kit/table";
import { Button, clock, Code, count, deliveries, type Delivery, DeliveryState, duration, Empty, type Endpoint, endpoints, ErrorPanel, eventName, Icon, Input, Link, nameOf, Panel, query, Select, setQuery, SkelLines, type StatusName, StatusShape, Tabs, Time, useLoad, when } from "./common";
import { Newer, useHeld } from "./held";
import { DayChart } from "./recover";
import { W } from "../words/en";
import { M } from "./words-more";

const REFRESH_MS = 10_000;

/** Endpoints by their ids, for names. */
function useEndpoints(): ReadonlyMap<string, Endpoint> {
  const list = useLoad("endpoints", (signal) => endpoints.list(signal));
  return new Map((list.data?.data ?? []).map((one) => [one.id, one]));
}

function nameIn(known: ReadonlyMap<string, Endpoint>, id: string | null | undefined, url = ""): string {
  const one = id ? known.get(id) : undefined;
  return one ? nameOf(one) : url || M.activity.goneEndpoint;
}

function Head({ at, children }: { at: "log" | "live"; children?: JSX.Element }): JSX.Element {
  return (
    <>
      <div class="phd"><div class="grow"><h1>{M.activity.title}</h1><p class="soft">{at === "log" ? M.activity.lead : M.activity.liveLead}</p></div>{children}</div>
      <div class="subtabs first-tabs"><Tabs label={M.activity.title} at={at} tabs={[{ key: "log", label: M.activity.log, to: "/activity" }, { key: "live", label: M.activity.live, to: "/live" }]} /></div>
    </>
  );
}

function EndpointChoice({ known }: { known: ReadonlyMap<string, Endpoint> }): JSX.Element {
  const at = query.value.get("endpoint") ?? "";
  const options = [["", M.activity.anyEndpoint], ...[...known.values()].map((one) => [one.id, nameOf(one)])] as [string, string][];
  if (at && !known.has(at)) options.push([at, at]);
  return <Select label={M.activity.endpoint} value={at} onValue={(next) => setQuery({ endpoint: next || null, iterator: null })} options={options} />;
}

// --- the log -----------------------------------------------------------------------------------------------

type StateName = keyof typeof M.activity.states;

function columns(known: ReadonlyMap<string, Endpoint>): Column<Delivery>[] {
  return [
    { key: "state", head: M.endpoint.state, class: "c-state", cell: (one) => <DeliveryState is={one.statusText} nextAttempt={one.nextAttempt} /> },
    {
      key: "event", head: M.endpoint.event,
      cell: (one) => (
        <>
          <Link class="main-link" to={`/messages/${one.msgId}`}><bdi>{eventName(one.eventType)}</bdi></Link>
          <span class="l2 only-lg mono"><bdi>{one.eventId ?? one.msgId}</bdi></span>
          <div class="only-sm"><span class="l2"><bdi>{nameIn(known, one.endpointId, one.url)}</bdi></span></div>
        </>
      ),
    },
    { key: "endpoint", head: M.activity.endpoint, class: "c-lg", cell: (one) => <bdi>{nameIn(known, one.endpointId, one.url)}</bdi> },
    {
      key: "answer", head: M.endpoint.answer, class: "c-lg",
      cell: (one) => one.lastAttempt && <><Code status={one.lastAttempt.responseStatusCode} none={M.endpoint.none} /><span class="l2">{M.activity.tries(one.attemptCount)}</span></>,
    },
    { key: "time", head: M.endpoint.time, isNum: true, cell: (one) => <Time at={one.timestamp} /> },
  ];
}

function Search(): JSX.Element {
  const [text, setText] = useState(query.value.get("text") ?? "");
  return (
    <form class="row findrow" role="search" onSubmit={(event) => { event.preventDefault(); setQuery({ text: text.trim() || null, iterator: null }); }}>
      <Input type="search" value={text} onValue={setText} placeholder={M.activity.searchHint} aria-label={M.activity.search} spellcheck={false} maxLength={200} data-search="" />
      <Button type="submit" disabled={text.trim().length === 1}>{M.activity.searchAct}</Button>
    </form>
  );
}

const FILTERS = ["state", "endpoint", "text"] as const;

export function ActivityPage(): JSX.Element {
  const at = query.value, iterator = pageIterator();
  const known = useEndpoints();
  const [state, endpoint, text] = FILTERS.map((name) => at.get(name));
  const list = useLoad(`deliveries:${state}:${endpoint}:${text}:${iterator}`, (signal) => deliveries.list({ state, endpoint_id: endpoint, text, iterator }, signal), { everyMs: iterator ? undefined : REFRESH_MS });
  const held = useHeld(list, (one) => `${one.msgId} ${one.endpointId}`);
  const isFiltered = FILTERS.some((name) => at.get(name)), rows = held.rows, page = list.data;
  const isShort = !!page && !page.done && !!page.lookedTo;
  return (
    <>
      <Head at="log" />
      {!isFiltered && !iterator && <div class="daypanel"><DayChart of={null} /></div>}
      <div class="row wrap filterrow">
        <Select label={M.endpoint.state} value={(state ?? "") as StateName} onValue={(next) => setQuery({ state: next || null, iterator: null })} options={Object.entries(M.activity.states) as [StateName, string][]} />
        <EndpointChoice known={known} />
        <Search key={text ?? ""} />
      </div>
      <Newer held={held} words={M.activity.newer} />
      {list.error && !rows ? <ErrorPanel error={list.error} onRetry={list.reload} /> : null}
      {!rows && !list.error && (list.isSlow ? <SkelLines /> : <div />)}
      {rows && !rows.length && (isFiltered || iterator
        ? <Empty art="line" title={M.activity.noMatch} actions={isShort ? undefined : <Button onClick={() => setQuery({ state: null, endpoint: null, text: null, iterator: null })}>{M.messages.clear}</Button>} />
        : <Empty art="line" title={M.activity.empty}>{M.activity.emptyMore}</Empty>)}
      {rows && rows.length > 0 && <div class="panel inset"><Table class="tall" label={M.activity.title} columns={columns(known)} rows={rows} rowKey={(one) => `${one.msgId} ${one.endpointId}`} rowTo={(one) => `/messages/${one.msgId}`} /></div>}
      <Pager list={page} words={isShort && W.pager.lookedTo(when(page.lookedTo!))} />
    </>
  );
}

// --- as it happens -----------------------------------------------------------------------------------------

const KEPT = 500, SAMPLE = 50, POLL_MS = 5000;

function stateOf(one: LiveEvent): StatusName {
  switch (one.state) {
    case "success": return "delivered";
    case "fail": return "failed";
    case "canceled": return "canceled";
    default: return "retrying";
  }
}

function Row({ one, known }: { one: LiveEvent; known: ReadonlyMap<string, Endpoint> }): JSX.Element {
  const message = one.kind === "message" ? one.id : one.message;
  const name = <bdi>{eventName(one.eventType ?? "")}</bdi>;
  return (
    <li>
      <time class="muted" dateTime={one.at}>{clock(one.at)}</time>
      {one.kind === "message" ? <Icon name="in" class="muted" /> : <StatusShape is={stateOf(one)} />}
      <span class="grow trunc">
        {message ? <Link to={`/messages/${message}`}>{name}</Link> : name}
        <span class="muted"> {one.kind === "message" ? M.activity.happened(one.endpoints ?? 0) : <>{M.activity.to} <bdi>{nameIn(known, one.endpoint)}</bdi></>}</span>
      </span>
      {one.kind === "attempt" && <Code status={Number(one.status) || 0} none={M.endpoint.none} />}
      <span class="muted nowrap t-ms">{one.ms !== undefined ? duration(one.ms) : ""}</span>
    </li>
  );
}

/** What the lists say, in place of a stream that a proxy holds back. */
function asEvent(one: Delivery, n: number): LiveEvent {
  const last = one.lastAttempt;
  return { kind: "attempt", n, at: last?.timestamp ?? one.timestamp, id: last?.id ?? null, message: one.msgId, endpoint: one.endpointId, eventType: one.eventType,
    state: one.statusText, status: last?.responseStatusCode ?? 0, ms: last?.responseDurationMs };
}

type What = keyof typeof M.activity.kinds;
const WHAT: Record<What, { kinds: string; status?: string; state?: string }> = {
  all: { kinds: "message,attempt" }, sent: { kinds: "attempt" }, failed: { kinds: "attempt", status: "none,3xx,4xx,5xx", state: "fail,sending" },
};

export function LivePage(): JSX.Element {
  const known = useEndpoints();
  const [isPaused, setPaused] = useState(false);
  const at = query.value, what = (Object.keys(WHAT) as What[]).find((one) => one === at.get("show")) ?? "all", endpoint = at.get("endpoint");
  const { state, ...asked } = WHAT[what];
  const live = useStream({ ...asked, endpoint, sample: SAMPLE }, KEPT, false);
  const polled = useLoad(`polled:${what}:${endpoint}`, (signal) => deliveries.list({ state, endpoint_id: endpoint, limit: 50 }, signal), { everyMs: POLL_MS, isOff: !live.isHeldBack });
  const events = live.isHeldBack && polled.data ? polled.data.data.map(asEvent) : live.events;
  // Paused: the rows stay, and what comes is counted.
  const frozen = useRef(events);
  if (!isPaused) frozen.current = events;
  const shown = frozen.current, waiting = isPaused && !live.isHeldBack ? (events[0]?.n ?? 0) - (shown[0]?.n ?? 0) : 0;
  return (
    <>
      <Head at="live">
        <div class="row">
          <span class={`st ${live.isOpen ? "live" : "none"}`} role="status"><Icon name="live" />{live.isHeldBack ? M.activity.polling : !live.isOpen ? M.activity.connecting : isPaused ? M.activity.paused : live.perSecond === null ? M.activity.open : M.activity.perSecond(count(live.perSecond))}</span>
          <Button icon={isPaused ? "play" : "pause"} onClick={() => setPaused(!isPaused)}>{isPaused ? waiting > 0 ? M.activity.resumeWith(waiting) : M.activity.resume : M.activity.pause}</Button>
        </div>
      </Head>
      <div class="row wrap filterrow">
        <Select label={M.activity.kind} value={what} onValue={(next) => setQuery({ show: next === "all" ? null : next })} options={Object.entries(M.activity.kinds) as [What, string][]} />
        <EndpointChoice known={known} />
        {live.leftOut > 0 && <span class="muted s-text">{M.activity.leftOut(live.leftOut)}</span>}
      </div>
      {live.isHeldBack && <p class="note"><Icon name="alarm" /><span>{M.activity.heldBack}</span></p>}
      {live.gap && <p class="note" role="status"><Icon name="alarm" /><span>{M.activity.gap(clock(live.gap.from), clock(live.gap.to))}</span></p>}
      {live.error != null && <ErrorPanel error={live.error} />}
      <Panel class="inset">
        {shown.length
          ? <ul class="ticker" aria-label={M.activity.live}>{shown.map((one) => <Row key={one.n} one={one} known={known} />)}</ul>
          : <Empty art="line" title={M.activity.nothing}>{M.activity.nothingMore}</Empty>}
      </Panel>
    </>
  );
}
