// SPDX-License-Identifier: Apache-2.0
// All events of the customer, and one of them: its content as it was sent, and what became of it at each endpoint.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Payload, Text } from "../kit/json";
import { pageIterator, Pager } from "../kit/pager";
import { type Column, Table } from "../kit/table";
import { adviceFor, type Attempt, attempts, Button, Code, DeliveryState, duration, Empty, type Endpoint, ErrorPanel, eventName, eventTypes, type Explained, Facts, Icon, Id, Input, Link, LinkButton, may, type Message, messages, nameOf, navigate, P, Panel, query, Select, setQuery, SkelLines, Status, Tag, Time, toast, useLoad, when, whyNoAnswer } from "./common";
import { Newer, useHeld } from "./held";
import { M } from "./words-more";

const COLUMNS: Column<Message>[] = [
  {
    key: "event", head: M.messages.event,
    cell: (one) => <><Link class="main-link" to={`/messages/${one.id}`}><bdi>{eventName(one.eventType)}</bdi></Link><div class="only-sm"><span class="l2 mono"><bdi>{one.eventId ?? one.id}</bdi></span></div></>,
  },
  { key: "id", head: M.messages.id, class: "c-lg", cell: (one) => <span class="mono soft"><bdi>{one.eventId ?? one.id}</bdi></span> },
  { key: "tags", head: M.messages.tags, class: "c-wide", cell: (one) => one.tags?.map((tag) => <Tag>{tag}</Tag>) },
  { key: "time", head: M.messages.time, isNum: true, cell: (one) => <Time at={one.timestamp} /> },
];

function FindById(): JSX.Element {
  const [id, setId] = useState("");
  return (
    <form class="row findrow" role="search" onSubmit={(event) => { event.preventDefault(); if (id.trim()) navigate(`/messages/${encodeURIComponent(id.trim())}`); }}>
      <Input mono value={id} onValue={setId} placeholder={M.messages.findHint} aria-label={M.messages.find} spellcheck={false} data-search="" />
      <Button type="submit" disabled={!id.trim()}>{M.messages.findAct}</Button>
    </form>
  );
}

export function MessagesPage(): JSX.Element {
  const type = query.value.get("type"), iterator = pageIterator();
  const types = useLoad("types", eventTypes);
  const list = useLoad(`messages:${type}:${iterator}`, (signal) => messages.list({ iterator, event_types: type }, signal), { everyMs: iterator ? undefined : 10_000 });
  const held = useHeld(list, (one) => one.id), rows = held.rows;
  const names = (types.data ?? []).map((one) => one.name).sort();
  if (type && !names.includes(type)) names.unshift(type);
  return (
    <>
      <div class="phd"><div class="grow"><h1>{M.messages.title}</h1><p class="soft">{M.messages.lead}</p></div></div>
      <div class="row wrap filterrow">
        <Select label={M.messages.type} value={type ?? ""} onValue={(next) => setQuery({ type: next || null, iterator: null })} options={[["", M.messages.anyType], ...names.map((name) => [name, name] as const)]} />
        <FindById />
      </div>
      <Newer held={held} words={M.messages.newer} />
      {list.error && !rows ? <ErrorPanel error={list.error} onRetry={list.reload} /> : null}
      {!rows && !list.error && (list.isSlow ? <SkelLines /> : <div />)}
      {rows && !rows.length && (type
        ? <Empty art="line" title={M.messages.emptyFilter} actions={<Button onClick={() => setQuery({ type: null })}>{M.messages.clear}</Button>} />
        : <Empty art="line" title={M.messages.empty}>{M.messages.emptyMore}</Empty>)}
      {rows && rows.length > 0 && <div class="panel inset"><Table class="tall" label={M.messages.title} columns={COLUMNS} rows={rows} rowKey={(one) => one.id} rowTo={(one) => `/messages/${one.id}`} /></div>}
      <Pager list={list.data} />
    </>
  );
}

export function MessagePage({ id }: { id: string }): JSX.Element {
  const message = useLoad(`message:${id}`, (signal) => messages.get(id, signal));
  if (!message.data) {
    if ((message.error as { status?: number } | undefined)?.status === 404) return <Empty art="broken" title={P.notFound.title} actions={<LinkButton to="/messages">{M.message.back}</LinkButton>}>{P.notFound.more}</Empty>;
    if (message.error) return <ErrorPanel error={message.error} onRetry={message.reload} />;
    return message.isSlow ? <SkelLines n={6} /> : <div />;
  }
  const it = message.data.value, payload = message.data.raw("payload") ?? "";
  const isGone = payload.replace(/\s/g, "") === '{"expired":true}';
  return (
    <>
      <div class="phd">
        <div class="grow"><p class="crumb"><Link to="/messages"><Icon name="left" small />{M.message.back}</Link></p><h1><bdi>{eventName(it.eventType)}</bdi></h1></div>
        {!isGone && <LinkButton icon="flask" to={`/playground?tab=filter&event=${encodeURIComponent(it.id)}`}>{M.playground.open}</LinkButton>}
      </div>
      <div class="mgrid message">
        <div class="stack">
          <Panel title={M.message.endpoints} class="clip"><Outcomes message={it} /></Panel>
        </div>
        <div class="stack">
          <Panel>
            <div class="body">
              <Facts rows={[
                [M.message.happened, <Time at={it.timestamp} />],
                [M.message.id, <Id value={it.id} whole />],
                it.eventId ? [M.message.eventId, <Id value={it.eventId} whole />] : null,
                it.tags?.length ? [M.message.tags, it.tags.map((tag) => <Tag>{tag}</Tag>)] : null,
                it.channels?.length ? [M.message.channels, it.channels.map((channel) => <Tag>{channel}</Tag>)] : null,
              ]} />
            </div>
          </Panel>
          {isGone ? <Panel title={M.message.payload}><p class="body soft">{M.message.expired}</p></Panel> : <Payload title={M.message.payload} text={payload} name={`${it.id}.json`} />}
        </div>
      </div>
    </>
  );
}

const WATCH_MS = 5000;

/** Each endpoint: what came of the event there, or why it was not sent. */
function Outcomes({ message }: { message: Message }): JSX.Element {
  const list = useLoad(`explain:${message.id}`, (signal) => messages.explain(message.id, signal), { everyMs: WATCH_MS });
  const rows = list.data?.data;
  if (list.error && !rows) return <ErrorPanel error={list.error} onRetry={list.reload} />;
  if (!rows) return list.isSlow ? <SkelLines /> : <div class="body" />;
  if (!rows.length) return <p class="body soft">{M.message.noEndpoints}</p>;
  // One answer is shown at once, several would fill the page.
  const isOneBad = rows.filter((one) => one.delivery?.statusText === "fail").length === 1;
  return <ul class="outs">{rows.map((one) => <Outcome key={one.endpointId} message={message} row={one} opensLast={isOneBad} onChange={list.reload} />)}</ul>;
}

/** Why it was not sent, in our words where the reason is one that its owner can mend. */
function whyNot(row: Explained, message: Message): string {
  const reason = row.now.reasons[0], rule = row.then?.rule ?? reason?.rule, words = M.message.reasons;
  switch (rule) {
    case "disabled": return words.disabled;
    case "event_type": return words.eventType(message.eventType);
    case "channel": return words.channel;
    case "created_later": return words.later;
    case "filter": return words.filter;
    default: return row.then?.words ?? reason?.words ?? words.unknown;
  }
}

function whyEnded(reason: string | null | undefined): string {
  const ended: Record<string, string> = M.message.ended;
  return reason ? ended[reason] ?? M.message.ended.other : "";
}

function Outcome({ message, row, opensLast, onChange }: { message: Message; row: Explained; opensLast: boolean; onChange: () => void }): JSX.Element {
  const [isBusy, setBusy] = useState(false);
  const delivery = row.delivery, newest = [...(delivery?.attempts ?? [])].reverse();
  const resend = async (): Promise<void> => {
    setBusy(true);
    await attempts.resend(message.id, row.endpointId).then(() => toast.say(M.message.resent), toast.fail);
    setBusy(false);
    onChange();
  };
  const isWaiting = delivery?.statusText === "pending" || delivery?.statusText === "sending";
  const name = nameOf({ url: row.url, description: row.description } as Endpoint);
  return (
    <li class="out">
      <div class="row wrap">
        <div class="grow"><Link class="ep-u trunc" to={`/endpoints/${row.endpointId}`}><bdi>{name}</bdi></Link>{row.description && <span class="l2 trunc"><bdi>{row.url}</bdi></span>}</div>
        {delivery ? <DeliveryState is={delivery.statusText} nextAttempt={delivery.nextAttempt} /> : <Status is="notWanted">{P.delivery.notWanted}</Status>}
        {may("CreateAttempts") && !row.deleted && <Button small busy={isBusy} onClick={resend}>{delivery ? M.message.resend : M.message.send}</Button>}
      </div>
      {!delivery && <p class="soft s-text"><bdi>{whyNot(row, message)}</bdi></p>}
      {delivery && isWaiting && delivery.nextAttempt && <p class="soft s-text">{M.message.nextAt(when(delivery.nextAttempt))}</p>}
      {delivery?.statusText === "fail" && <p class="soft s-text">{whyEnded(delivery.statusReason)} {newest[0] && adviceFor(newest[0])}</p>}
      {newest.length > 0 && <ul class="tries">{newest.map((one, i) => <Try key={one.id} attempt={one} message={message.id} isOpened={opensLast && i === 0 && delivery?.statusText === "fail"} />)}</ul>}
    </li>
  );
}

/** One try; opened it shows the answer and the headers of both sides. */
function Try({ attempt, message, isOpened }: { attempt: Attempt; message: string; isOpened: boolean }): JSX.Element {
  const [isOpen, setOpen] = useState(isOpened);
  const isFine = attempt.responseStatusCode >= 200 && attempt.responseStatusCode < 300;
  return (
    <li>
      <button type="button" class="try" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <Icon name={isOpen ? "down" : "right"} small />
        <Time at={attempt.timestamp} />
        {attempt.responseStatusCode ? <Code status={attempt.responseStatusCode} none="" /> : <span class="bad s-text grow"><bdi>{whyNoAnswer(attempt)}</bdi></span>}
        <span class={`muted s-text${isFine ? "" : " end"}`}>{M.message.tookMs(duration(attempt.responseDurationMs))}</span>
      </button>
      {isOpen && <Details message={message} id={attempt.id} />}
    </li>
  );
}

function Details({ message, id }: { message: string; id: string }): JSX.Element {
  const whole = useLoad(`attempt:${id}`, (signal) => attempts.one(message, id, signal));
  if (whole.error) return <ErrorPanel error={whole.error} onRetry={whole.reload} />;
  if (!whole.data) return whole.isSlow ? <SkelLines n={3} /> : <div class="body" />;
  const it = whole.data;
  return (
    <div class="details stack-2">
      <p class="label">{it.responseStatusCode ? M.message.response : M.message.noResponse}</p>
      {it.response ? <Text text={it.response} label={M.message.response} /> : it.responseStatusCode ? <p class="hint">{P.problem.saidNothing}</p> : null}
      {it.responseHeaders && <><p class="label">{M.message.responseHeaders}</p><Text text={it.responseHeaders.trim()} label={M.message.responseHeaders} /></>}
      {it.requestHeaders && <p><Link to={`/playground?tab=signature&event=${encodeURIComponent(message)}&try=${encodeURIComponent(id)}&endpoint=${encodeURIComponent(it.endpointId)}`}>{M.playground.verify}</Link></p>}
      {it.requestHeaders && <><p class="label">{M.message.requestHeaders}</p><Text text={it.requestHeaders.trim()} label={M.message.requestHeaders} /></>}
    </div>
  );
}
