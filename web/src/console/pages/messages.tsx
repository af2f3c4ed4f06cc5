// SPDX-License-Identifier: Apache-2.0
// The messages of an application, newest first, filtered by what stands in the address.
import type { JSX } from "preact";
import { api, Button, Chips, Copy, Empty, ErrorPanel, Id, Link, Menu, MenuItem, pageIterator, Pager, part, query, Table, Tag, Time, useLoad, type Column, type FilterSpec, type List, type Query } from "../../kit";
import { C as D } from "../../words/console_choose";
import { C } from "../../words/console_delivery";
import { appPath, useOpen } from "../common";
import { momentOf, showMoment, SINCE } from "../moments";
import { Newer } from "../newer";
import type { Message } from "../types";
import { BulkDialog, type BulkFilter } from "./bulk";
import { useChosen } from "./choose";
import { MessageActs } from "./message_many";

export const MESSAGE_FILTERS: readonly FilterSpec[] = [
  { name: "type", label: C.endpoint.type, placeholder: "order.created" },
  { name: "tag", label: C.endpoint.tag },
  { name: "channel", label: C.endpoint.channel },
  { name: "since", label: C.endpoint.since, options: SINCE, show: showMoment },
  { name: "until", label: C.endpoint.until, placeholder: "2026-11-30 14:00", show: showMoment },
];

/** The members of the address as the API wants them. */
export function messageQuery(): Query {
  const at = query.value;
  return { event_types: at.get("type"), tag: at.get("tag"), channel: at.get("channel"), after: momentOf(at.get("since")), before: momentOf(at.get("until")) };
}

export function hasFilters(specs: readonly FilterSpec[]): boolean {
  return specs.some((spec) => query.value.has(spec.name));
}

export function filterKey(specs: readonly FilterSpec[]): string {
  return specs.map((spec) => query.value.get(spec.name) ?? "").join("|");
}

function columns(app: string): Column<Message>[] {
  return [
    { key: "type", head: C.message.type, cell: (message) => <><Link class="main-link" to={`/apps/${part(app)}/messages/${part(message.id)}`}><bdi>{message.eventType}</bdi></Link><span class="l2"><Id value={message.id} /></span></> },
    { key: "event", head: C.message.eventId, class: "c-lg", cell: (message) => (message.eventId ? <Id value={message.eventId} /> : <span class="muted">–</span>) },
    { key: "tags", head: C.message.tags, class: "c-wide", cell: (message) => <span class="row wrap gap-1">{message.tags?.map((tag) => <Tag mono={false}>{tag}</Tag>)}</span> },
    { key: "at", head: C.message.at, isNum: true, cell: (message) => <Time at={message.timestamp} /> },
  ];
}

/** What one looks at, as an action on all of it takes it. */
function bulkOf(app: string): { filter: BulkFilter; since: string; until: string } {
  const at = query.value;
  const one = (name: string) => (at.get(name) ? [at.get(name)!] : undefined);
  return { filter: { appId: app, eventTypes: one("type"), tags: one("tag"), channels: one("channel") }, since: at.get("since") ?? "", until: at.get("until") ?? "" };
}

export function Messages({ app, onSend }: { app: string; onSend: () => void }): JSX.Element {
  const iterator = pageIterator();
  const isFiltered = hasFilters(MESSAGE_FILTERS);
  const load = (from: string | null, signal?: AbortSignal) => api.get<List<Message>>(`${appPath(app)}/msg`, { limit: 100, with_content: false, iterator: from, ...messageQuery() }, signal);
  const list = useLoad(`messages ${app} ${iterator} ${filterKey(MESSAGE_FILTERS)}`, (signal) => load(iterator, signal));
  const rows = list.data?.data;
  const chosen = useChosen(rows, (message) => message.id, (message) => message.id);
  const [act, open] = useOpen<"replay" | "cancel" | "expunge">();
  return (
    <>
      <div class="filters row wrap">
        <Chips specs={MESSAGE_FILTERS} />
        <Newer list={list} at={iterator} peek={load} />
        <span class="row end">
          {rows && rows.length > 0 && <Menu label={C.message.bulk} icon="bulk" needs="change"><MenuItem needs="change" icon="retry" onClick={() => open("replay")}>{C.message.bulkReplay}</MenuItem><hr /><MenuItem needs="change" icon="off" danger onClick={() => open("cancel")}>{D.choose.cancel}</MenuItem><MenuItem needs="change" icon="x" danger onClick={() => open("expunge")}>{C.message.bulkExpunge}</MenuItem></Menu>}
          <Button small kind="quiet" icon="retry" onClick={list.reload}>{C.common.refresh}</Button><CopyLink />
        </span>
      </div>
      {list.error != null && <ErrorPanel error={list.error} onRetry={list.reload} />}
      <MessageActs app={app} chosen={chosen} onDone={list.reload} />
      {rows && rows.length === 0 && list.data!.done && !iterator ? (
        <div class="panel">{isFiltered ? <Empty art="line" title={C.message.noMatch}>{C.endpoint.noMatchText}</Empty> : <Empty title={C.message.none} actions={<Button needs="change" kind="primary" onClick={onSend}>{C.app.send}</Button>}>{C.message.noneText}</Empty>}</div>
      ) : (
        <div class="panel flush inset clipx"><Table label={C.message.list} columns={[...chosen.columns, ...columns(app)]} rows={rows} rowKey={(message) => message.id} isPicked={chosen.isPicked} onRowKey={chosen.onRowKey} rowTo={(message) => `/apps/${part(app)}/messages/${part(message.id)}`} isSlow={list.isSlow} /></div>
      )}
      <Pager list={list.data} />
      {act === "replay" && <BulkDialog action="replay" title={C.message.bulkReplay} text={C.message.bulkReplayText} {...bulkOf(app)} onClose={() => open(null)} />}
      {act === "cancel" && <BulkDialog action="cancel" title={D.choose.cancel} text={D.choose.cancelText} {...bulkOf(app)} onClose={() => open(null)} onDone={list.reload} />}
      {act === "expunge" && <BulkDialog action="expunge" title={C.message.bulkExpunge} text={C.message.bulkExpungeText} {...bulkOf(app)} onClose={() => open(null)} onDone={list.reload} />}
    </>
  );
}

/** The address one looks at, for a colleague. */
export function CopyLink(): JSX.Element {
  return <Copy text={() => window.location.href} label={C.common.copyLink} />;
}
