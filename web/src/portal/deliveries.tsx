// SPDX-License-Identifier: Apache-2.0
// What was sent to an endpoint, newest first: every try, with the answer that came.
import type { JSX } from "preact";
import { pageIterator, Pager } from "../kit/pager";
import { type Column, Table } from "../kit/table";
import { type Attempt, attempts, Code, DeliveryState, Empty, type Endpoint, ErrorPanel, eventName, Link, Panel, query, Seg, setQuery, SkelLines, Time, useLoad } from "./common";
import { Newer, useHeld } from "./held";
import { M } from "./words-more";

const FAILED = 2, BY_HAND = 1, REFRESH_MS = 10_000;

const COLUMNS: Column<Attempt>[] = [
  { key: "state", head: M.endpoint.state, class: "c-state", cell: (one) => <DeliveryState is={one.statusText} nextAttempt={one.nextAttempt} /> },
  {
    key: "event", head: M.endpoint.event,
    cell: (one) => (
      <>
        <Link class="main-link" to={`/messages/${one.msgId}`}><bdi>{one.msg ? eventName(one.msg.eventType) : one.msgId}</bdi></Link>
        <span class="l2">{one.triggerType === BY_HAND ? M.endpoint.byHand : M.endpoint.attempt(one.attemptNumber ?? 1)}</span>
      </>
    ),
  },
  { key: "answer", head: M.endpoint.answer, class: "c-lg", cell: (one) => <Code status={one.responseStatusCode} none={M.endpoint.none} /> },
  { key: "time", head: M.endpoint.time, isNum: true, cell: (one) => <Time at={one.timestamp} /> },
];

export function Deliveries({ endpoint }: { endpoint: Endpoint }): JSX.Element {
  const show = query.value.get("show") === "failed" ? "failed" : "all";
  const iterator = pageIterator();
  const list = useLoad(`attempts:${endpoint.id}:${show}:${iterator}`, (signal) => attempts.ofEndpoint(endpoint.id, { iterator, status: show === "failed" ? FAILED : undefined }, signal),
    { everyMs: iterator ? undefined : REFRESH_MS });
  const held = useHeld(list, (one) => one.id), rows = held.rows;
  return (
    <Panel class="inset" title={M.endpoint.attempts} actions={
      <Seg small label={M.endpoint.show} value={show} onChange={(next) => setQuery({ show: next === "all" ? null : next, iterator: null })} options={[["all", M.endpoint.all], ["failed", M.endpoint.onlyFailed]]} />
    }>
      <Newer held={held} words={M.endpoint.newer} />
      {list.error && !rows ? <ErrorPanel error={list.error} onRetry={list.reload} /> : null}
      {!rows && !list.error && (list.isSlow ? <SkelLines /> : <div class="body" />)}
      {rows && !rows.length && <Empty art="line" title={show === "failed" ? M.endpoint.noFailed : M.endpoint.noAttempts}>{show === "failed" ? M.endpoint.noFailedMore : M.endpoint.noAttemptsMore}</Empty>}
      {rows && rows.length > 0 && <Table class="tall" label={M.endpoint.attempts} columns={COLUMNS} rows={rows} rowKey={(one) => one.id} rowTo={(one) => `/messages/${one.msgId}`} />}
      <div class="inpager"><Pager list={list.data} /></div>
    </Panel>
  );
}
