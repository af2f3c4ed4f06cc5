// SPDX-License-Identifier: Apache-2.0
// The deliveries of an application, searched: by state, endpoint, answer, and text in what was sent or answered. There is no
// index of texts, so a page says how far it looked, and one goes on from there.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import {
  api, Button, Chips, Code, count, Empty, ErrorPanel, Field, Input, Link, navigate, pageIterator, part, query, setQuery, Status, Table, Tag, Time, toast, useLoad, when, type Column, type FilterSpec, type List,
} from "../../kit";
import { C } from "../../words/console_operational";
import { appPath, deliveryStatus, hostOf } from "../common";
import { momentOf, showMoment, SINCE } from "../moments";
import { usePage } from "../shell";
import type { Application } from "../types";
import { BulkDialog } from "./bulk";
import { ChosenBar, onEach, useChosen, type Chosen } from "./choose";
import { CopyLink, filterKey, hasFilters } from "./messages";

interface Delivery {
  msgId: string;
  eventType: string;
  timestamp: string;
  endpointId: string;
  url: string;
  status: 0 | 1 | 2 | 3 | 4;
  attemptCount: number;
  lastAttempt: { id: string; responseStatusCode: number } | null;
  matched: "payload" | "response" | "error" | null;
}

interface Found {
  data: Delivery[];
  iterator: string | null;
  done: boolean;
  lookedAt: number;
  lookedTo: string | null;
}

const FILTERS: readonly FilterSpec[] = [
  { name: "text", label: C.deliveries.text, hint: C.deliveries.textHint },
  { name: "state", label: C.deliveries.state, options: C.deliveries.states },
  { name: "ep", label: C.deliveries.endpoint, hint: C.deliveries.endpointHint },
  { name: "type", label: C.operational.event, placeholder: "order.created" },
  { name: "code", label: C.deliveries.code, hint: C.deliveries.codeHint },
  { name: "since", label: C.range.label, options: SINCE, show: showMoment },
  { name: "until", label: C.deliveries.until, placeholder: "2026-11-30 14:00", show: showMoment },
];

function columns(app: string): Column<Delivery>[] {
  const to = (one: Delivery) => `/apps/${part(app)}/messages/${part(one.msgId)}${one.lastAttempt ? `?attempt=${part(one.lastAttempt.id)}` : ""}`;
  return [
    { key: "status", head: C.deliveries.state, class: "c-state", cell: (one) => <Status is={deliveryStatus({ status: one.status, blockedBy: null, throttledUntil: null })} /> },
    { key: "message", head: C.deliveries.message, cell: (one) => <><Link class="main-link" to={to(one)}><bdi>{one.eventType}</bdi></Link><span class="l2 mono trunc">{one.msgId}</span></> },
    { key: "to", head: C.deliveries.to, class: "c-lg", cell: (one) => <><Link class="plainlink" to={`/apps/${part(app)}/endpoints/${part(one.endpointId)}`}><bdi>{hostOf(one.url)}</bdi></Link>{one.matched && <span class="l2"><Tag mono={false}>{C.deliveries.found[one.matched]}</Tag></span>}</> },
    { key: "code", head: C.deliveries.answer, class: "c-code", cell: (one) => (one.lastAttempt ? <Code status={one.lastAttempt.responseStatusCode} none={C.common.noAnswer} /> : <span class="muted">–</span>) },
    { key: "attempts", head: C.deliveries.attempts, isNum: true, class: "c-lg", cell: (one) => count(one.attemptCount) },
    { key: "at", head: C.deliveries.at, isNum: true, cell: (one) => <Time at={one.timestamp} /> },
  ];
}

/** How far this page looked, and the way on. */
function Looked({ found, iterator }: { found: Found; iterator: string | null }): JSX.Element {
  const at = found.lookedTo ? when(found.lookedTo) : "";
  const words = found.done ? C.deliveries.all : found.data.length ? C.deliveries.lookedTo(at, count(found.lookedAt)) : C.deliveries.soFar(at);
  return (
    <nav class="pager" aria-label={C.deliveries.title}>
      <span class="muted" role="status">{words}</span>
      <span class="row end">
        {iterator && <Button small kind="quiet" onClick={() => setQuery({ iterator: null })}>{C.deliveries.first}</Button>}
        {!found.done && found.iterator && <Button small onClick={() => setQuery({ iterator: found.iterator })}>{C.deliveries.goOn}</Button>}
      </span>
    </nav>
  );
}

function keyOf(one: Delivery): string {
  return `${one.msgId} ${one.endpointId}`;
}

/** What was chosen of the page, or all that the filters find, sent again. */
function Acts({ app, chosen, onDone }: { app: string; chosen: Chosen<Delivery>; onDone: () => void }): JSX.Element {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [isAll, setAll] = useState(false);
  const at = query.value, n = chosen.rows.length;
  const one = (name: string) => (at.get(name) ? at.get(name)!.split(",") : undefined);
  const send = async () => {
    setBusy(true);
    const done = await onEach(chosen.rows, (row) => api.post(`${appPath(app)}/msg/${part(row.msgId)}/endpoint/${part(row.endpointId)}/resend`, {}));
    setBusy(false);
    setError(done.error);
    toast.say(done.failed ? C.deliveries.notSent(done.failed, n) : C.deliveries.sentAgain(n));
    if (!done.failed) chosen.clear();
    onDone();
  };
  return (
    <ChosenBar chosen={chosen} words={C.deliveries.chosen(n)} error={error}>
      <Button small kind="primary" icon="retry" busy={isBusy} onClick={() => void send()}>{C.deliveries.sendAgain}</Button>
      <Button small icon="bulk" onClick={() => setAll(true)}>{C.deliveries.allMatching}</Button>
      {isAll && <BulkDialog action="replay" title={C.deliveries.allTitle} text={C.deliveries.allText} filter={{ appId: app, endpointId: at.get("ep") ?? undefined, states: one("state"), eventTypes: one("type") }} since={at.get("since") ?? ""} until={at.get("until") ?? ""} onClose={() => setAll(false)} />}
    </ChosenBar>
  );
}

export function Deliveries({ app }: { app: string }): JSX.Element {
  const iterator = pageIterator();
  const at = query.value;
  const found = useLoad(`found ${app} ${iterator} ${filterKey(FILTERS)}`, (signal) => api.get<Found>(`${appPath(app)}/delivery`, {
    limit: 100, iterator, text: at.get("text"), state: at.get("state"), endpoint_id: at.get("ep"), event_types: at.get("type"), response_status: at.get("code"), after: momentOf(at.get("since")), before: momentOf(at.get("until")),
  }, signal));
  const rows = found.data?.data;
  const chosen = useChosen(rows, keyOf, (one) => one.msgId);
  const isFiltered = hasFilters(FILTERS);
  const isEmpty = rows?.length === 0 && found.data!.done && !iterator;
  return (
    <>
      <div class="filters row wrap">
        <Chips specs={FILTERS} />
        <span class="row end"><Button small kind="quiet" icon="retry" onClick={found.reload}>{C.common.refresh}</Button><CopyLink /></span>
      </div>
      {found.error != null && <ErrorPanel error={found.error} onRetry={found.reload} />}
      <Acts app={app} chosen={chosen} onDone={found.reload} />
      {isEmpty ? <div class="panel">{isFiltered ? <Empty art="line" title={C.deliveries.noMatch}>{C.deliveries.noMatchText}</Empty> : <Empty title={C.deliveries.none}>{C.deliveries.noneText}</Empty>}</div> : (
        <div class="panel flush inset clipx">
          <Table label={C.deliveries.title} columns={[...chosen.columns, ...columns(app)]} rows={rows} rowKey={keyOf} isPicked={chosen.isPicked} onRowKey={chosen.onRowKey} rowTo={(one) => `/apps/${part(app)}/messages/${part(one.msgId)}`} isSlow={found.isSlow} />
        </div>
      )}
      {found.data && !isEmpty && <Looked found={found.data} iterator={iterator} />}
    </>
  );
}

const APPS_SHOWN = 20;

/** Where one comes to with a text and no application: first whose deliveries. */
export function DeliveriesPage(): JSX.Element {
  usePage(C.deliveries.title);
  const [name, setName] = useState("");
  const rest = query.value.toString();
  const apps = useLoad(`deliveries of ${name}`, (signal) => api.get<List<{ application: Application } & Application>>("/api/v1/app-search", { search: name.trim(), limit: APPS_SHOWN }, signal));
  const to = (app: Application) => `/apps/${part(app.id)}/deliveries${rest ? `?${rest}` : ""}`;
  const rows = apps.data?.data;
  return (
    <div class="stack narrowpage">
      <div class="phead"><h1 class="grow">{C.deliveries.title}</h1></div>
      <p class="soft">{C.deliveries.whoseText}</p>
      <div class="filters row wrap"><Chips specs={FILTERS} /></div>
      <form onSubmit={(event) => { event.preventDefault(); if (rows?.[0]) navigate(to(rows[0])); }}>
        <Field label={C.deliveries.whose} hint={C.deliveries.whoseHint}><Input value={name} onValue={setName} data-first="" /></Field>
      </form>
      {apps.error != null && <ErrorPanel error={apps.error} onRetry={apps.reload} />}
      {rows?.length === 0 ? <div class="panel"><Empty art="line" title={C.deliveries.noApp(name)} /></div> : (
        <div class="panel flush inset clipx"><Table label={C.deliveries.pick} columns={APPS} rows={rows} rowKey={(app) => app.id} rowTo={to} isSlow={apps.isSlow} /></div>
      )}
    </div>
  );
}

const APPS: readonly Column<Application>[] = [{ key: "name", head: C.deliveries.pick, cell: (app) => <><bdi>{app.name}</bdi><span class="l2 mono trunc">{app.uid ?? app.id}</span></> }];
