// SPDX-License-Identifier: Apache-2.0
// What was tried at an endpoint, and how its messages stand.
import type { ComponentChildren, JSX } from "preact";
import { api, Button, Chips, Code, Copy, count, DurationBar, duration, Empty, ErrorPanel, Link, pageIterator, Pager, part, query, Status, Table, Time, useLoad, type Column, type FilterSpec, type List } from "../../kit";
import { C } from "../../words/console_delivery";
import { deliveryStatus, endpointPath, appPath } from "../common";
import { Newer } from "../newer";
import type { Attempt, EndpointMessage } from "../types";
import { CopyLink, filterKey, hasFilters, messageQuery, MESSAGE_FILTERS } from "./messages";

const ATTEMPT_FILTERS: readonly FilterSpec[] = [
  { name: "status", label: C.endpoint.status, options: C.endpoint.attemptStatuses },
  { name: "class", label: C.endpoint.class, options: C.endpoint.classes },
  ...MESSAGE_FILTERS,
];

const DELIVERY_FILTERS: readonly FilterSpec[] = [{ name: "status", label: C.endpoint.status, options: C.endpoint.statuses }, ...MESSAGE_FILTERS];

function MessageCell({ app, id, type, hash }: { app: string; id: string; type: string | undefined; hash?: string }): JSX.Element {
  return (
    <>
      <Link class="main-link" to={`/apps/${part(app)}/messages/${part(id)}${hash ? `?attempt=${part(hash)}` : ""}`}><bdi>{type ?? id}</bdi></Link>
      <span class="l2 row gap-1"><span class="mono trunc">{id}</span><Copy text={id} /></span>
    </>
  );
}

function attemptColumns(app: string, longest: number): Column<Attempt>[] {
  return [
    { key: "status", head: C.endpoint.status, class: "c-state", cell: (attempt) => <Status is={attempt.status === 0 ? "delivered" : "failed"} /> },
    { key: "message", head: C.endpoint.message, cell: (attempt) => <MessageCell app={app} id={attempt.msgId} type={attempt.msg?.eventType} hash={attempt.id} /> },
    { key: "code", head: C.endpoint.code, class: "c-code", cell: (attempt) => <Code status={attempt.responseStatusCode} none={C.common.noAnswer} /> },
    { key: "took", head: C.endpoint.duration, class: "c-lg c-dur", cell: (attempt) => <DurationBar value={attempt.responseDurationMs} max={longest} isBad={attempt.status !== 0}>{duration(attempt.responseDurationMs)}</DurationBar> },
    { key: "number", head: C.endpoint.number, isNum: true, class: "c-lg", cell: (attempt) => (attempt.triggerType === 1 ? C.endpoint.manual : count(attempt.attemptNumber)) },
    { key: "at", head: C.endpoint.at, isNum: true, cell: (attempt) => <Time at={attempt.timestamp} /> },
  ];
}

function ListHead({ specs, onAgain, children }: { specs: readonly FilterSpec[]; onAgain: () => void; children: ComponentChildren }): JSX.Element {
  return (
    <div class="filters row wrap">
      <Chips specs={specs} />
      {children}
      <span class="row end"><Button small kind="quiet" icon="retry" onClick={onAgain}>{C.common.refresh}</Button><CopyLink /></span>
    </div>
  );
}

function Nothing({ isFiltered, title, text }: { isFiltered: boolean; title: string; text: string }): JSX.Element {
  return <div class="panel">{isFiltered ? <Empty art="line" title={C.endpoint.noMatch}>{C.endpoint.noMatchText}</Empty> : <Empty title={title}>{text}</Empty>}</div>;
}

export function EndpointAttempts({ app, endpoint }: { app: string; endpoint: string }): JSX.Element {
  const iterator = pageIterator();
  const key = `attempts ${app} ${endpoint} ${iterator} ${filterKey(ATTEMPT_FILTERS)}`;
  const load = (from: string | null, signal?: AbortSignal) => api.get<List<Attempt>>(`${appPath(app)}/attempt/endpoint/${part(endpoint)}`, {
    limit: 100, iterator: from, with_content: false, with_msg: true, status: query.value.get("status"), status_code_class: query.value.get("class"), ...messageQuery(),
  }, signal);
  const list = useLoad(key, (signal) => load(iterator, signal));
  const rows = list.data?.data;
  const longest = Math.max(1, ...(rows ?? []).map((one) => one.responseDurationMs));
  return (
    <>
      <ListHead specs={ATTEMPT_FILTERS} onAgain={list.reload}><Newer list={list} at={iterator} peek={load} /></ListHead>
      {list.error != null && <ErrorPanel error={list.error} onRetry={list.reload} />}
      {rows && rows.length === 0 && list.data!.done && !iterator
        ? <Nothing isFiltered={hasFilters(ATTEMPT_FILTERS)} title={C.endpoint.noAttempt} text={C.endpoint.noAttemptText} />
        : <div class="panel flush inset clipx"><Table label={C.endpoint.attempts} columns={attemptColumns(app, longest)} rows={rows} rowKey={(one) => one.id} rowTo={(one) => `/apps/${part(app)}/messages/${part(one.msgId)}?attempt=${part(one.id)}`} isSlow={list.isSlow} /></div>}
      <Pager list={list.data} />
    </>
  );
}

function deliveryColumns(app: string): Column<EndpointMessage>[] {
  return [
    { key: "status", head: C.endpoint.status, class: "c-state", cell: (message) => <Status is={deliveryStatus(message)} /> },
    { key: "message", head: C.endpoint.message, cell: (message) => <MessageCell app={app} id={message.id} type={message.eventType} /> },
    { key: "why", head: C.message.because, class: "c-lg", cell: (message) => (message.statusReason ? C.message.reasonWords[message.statusReason] ?? message.statusReason : "") },
    { key: "next", head: C.endpoint.next, class: "c-wide", isNum: true, cell: (message) => <Time at={message.nextAttempt} /> },
    { key: "at", head: C.message.at, isNum: true, cell: (message) => <Time at={message.timestamp} /> },
  ];
}

export function EndpointMessages({ app, endpoint }: { app: string; endpoint: string }): JSX.Element {
  const iterator = pageIterator();
  const load = (from: string | null, signal?: AbortSignal) => api.get<List<EndpointMessage>>(`${endpointPath(app, endpoint)}/msg`, {
    limit: 100, iterator: from, with_content: false, expanded_statuses: true, status: query.value.get("status"), ...messageQuery(),
  }, signal);
  const list = useLoad(`deliveries ${app} ${endpoint} ${iterator} ${filterKey(DELIVERY_FILTERS)}`, (signal) => load(iterator, signal));
  const rows = list.data?.data;
  return (
    <>
      <ListHead specs={DELIVERY_FILTERS} onAgain={list.reload}><Newer list={list} at={iterator} peek={load} /></ListHead>
      {list.error != null && <ErrorPanel error={list.error} onRetry={list.reload} />}
      {rows && rows.length === 0 && list.data!.done && !iterator
        ? <Nothing isFiltered={hasFilters(DELIVERY_FILTERS)} title={C.endpoint.noMessage} text={C.endpoint.noMessageText} />
        : <div class="panel flush inset clipx"><Table label={C.endpoint.messages} columns={deliveryColumns(app)} rows={rows} rowKey={(one) => one.id} rowTo={(one) => `/apps/${part(app)}/messages/${part(one.id)}`} isSlow={list.isSlow} /></div>}
      <Pager list={list.data} />
    </>
  );
}
