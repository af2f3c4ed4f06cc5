// SPDX-License-Identifier: Apache-2.0
// What a source's dashboard link leads to: the URL that its sender needs, what came in and what became of it, and where
// it goes. For somebody who has to make a service talk to us and wants to see whether it does.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Payload, Text } from "../kit/json";
import { pageIterator, Pager } from "../kit/pager";
import { type Column, Table } from "../kit/table";
import { Button, Code, count, Empty, type Endpoint, ErrorPanel, Facts, Field, IconButton, Id, Input, P, Panel, query, type Received, session, setQuery, SkelLines, type Source, sources, Status, type StatusName, Time, toast, useAct, useLoad } from "./common";
import { mistakesFrom } from "./fields";
import { M } from "./words-more";

const REFRESH_MS = 5000;

const STATES: Record<Source["state"], StatusName> = { active: "enabled", paused: "paused", pending: "attention", broken: "refusing" };
const OUTCOMES: Record<Received["outcome"], StatusName> = { accepted: "accepted", rejected: "refused", duplicate: "duplicate", ignored: "ignored" };

export function SourcePage({ id }: { id: string }): JSX.Element {
  const source = useLoad(`source:${id}`, (signal) => sources.get(id, signal));
  if (!source.data) {
    if (source.error) return <ErrorPanel error={source.error} onRetry={source.reload} />;
    return source.isSlow ? <SkelLines n={6} /> : <div />;
  }
  const it = source.data;
  return (
    <div class="stack">
      <div class="phd">
        <div class="grow">
          <div class="row gap-3 wrap"><h1><bdi>{M.source.title(it.name)}</bdi></h1><Status is={STATES[it.state]}>{M.source.state[it.state]}</Status></div>
          <p class="soft">{M.source.lead}</p>
        </div>
      </div>
      <Panel><div class="body"><Facts rows={[[M.source.url, it.ingestUrl ? <Id value={it.ingestUrl} label={M.source.copyUrl} whole /> : ""], [M.source.kind, <bdi>{it.type}</bdi>]]} /></div></Panel>
      <Requests id={id} />
      <Targets id={id} />
    </div>
  );
}

const COLUMNS: Column<Received>[] = [
  { key: "outcome", head: M.endpoint.state, class: "c-state", cell: (one) => <Status is={OUTCOMES[one.outcome]}>{M.source.outcome[one.outcome]}</Status> },
  { key: "what", head: M.source.what, cell: (one) => <><bdi>{one.eventType ?? one.id}</bdi>{one.reason && <span class="l2"><bdi>{one.reason}</bdi></span>}</> },
  { key: "answered", head: M.source.answered, class: "c-lg", cell: (one) => <Code status={one.status} none={M.endpoint.none} /> },
  { key: "time", head: M.source.when, isNum: true, cell: (one) => <Time at={one.timestamp} /> },
];

function Requests({ id }: { id: string }): JSX.Element {
  const iterator = pageIterator(), open = query.value.get("request");
  const list = useLoad(`requests:${id}:${iterator}`, (signal) => sources.requests(id, iterator, signal), { everyMs: iterator ? undefined : REFRESH_MS });
  const rows = list.data?.data;
  return (
    <Panel class="inset" title={M.source.requests}>
      {list.error && !rows ? <ErrorPanel error={list.error} onRetry={list.reload} /> : null}
      {!rows && !list.error && (list.isSlow ? <SkelLines /> : <div class="body" />)}
      {rows && !rows.length && <Empty art="line" title={M.source.noRequests}>{M.source.noRequestsMore}</Empty>}
      {rows && rows.length > 0 && <Table class="tall" label={M.source.requests} columns={COLUMNS} rows={rows} rowKey={(one) => one.id} onPick={(one) => setQuery({ request: one.id === open ? null : one.id })} isPicked={(one) => one.id === open} />}
      <div class="inpager"><Pager list={list.data} /></div>
      {open && <Whole id={id} request={open} onReplay={list.reload} />}
    </Panel>
  );
}

/** A request as it came, whatever became of it. */
function Whole({ id, request, onReplay }: { id: string; request: string; onReplay: () => void }): JSX.Element {
  const whole = useLoad(`request:${request}`, (signal) => sources.request(id, request, signal));
  const { isBusy, error, run } = useAct();
  if (whole.error) return <ErrorPanel error={whole.error} onRetry={whole.reload} />;
  if (!whole.data) return whole.isSlow ? <SkelLines n={3} /> : <div class="body" />;
  const it = whole.data;
  const headers = (it.headers ?? []).map(([name, value]) => `${name}: ${value}`).join("\n");
  const replay = () => run(async () => {
    await sources.replay(id, request);
    toast.say(M.source.replayed);
    onReplay();
  });
  return (
    <div class="body stack-2 reqwhole">
      <div class="row"><span class="grow"><Id value={it.id} /></span>
        {!session.value?.isReadOnly && <Button small busy={isBusy} onClick={replay}>{M.source.replay}</Button>}
        <IconButton small name="x" label={M.source.close} onClick={() => setQuery({ request: null })} />
      </div>
      {error != null && <ErrorPanel error={error} />}
      <p class="label">{M.source.headers}</p>
      <Text text={headers} label={M.source.headers} />
      <Payload title={M.source.body} text={it.body ?? it.bodyBase64 ?? ""} name={`${it.id}.txt`} />
    </div>
  );
}

/** Where everything that comes in is sent. */
function Targets({ id }: { id: string }): JSX.Element {
  const list = useLoad(`targets:${id}`, (signal) => sources.endpoints(id, signal));
  const [url, setUrl] = useState("");
  const { isBusy, error, run } = useAct();
  const canChange = !session.value?.isReadOnly, rows = list.data?.data;
  const mistake = mistakesFrom(error)["url"];
  const add = async (): Promise<void> => {
    if (url.trim() && (await run(async () => { await sources.addEndpoint(id, url.trim()); }))) {
      setUrl("");
      toast.say(M.source.created);
      list.reload();
    }
  };
  return (
    <Panel title={M.source.endpoints} actions={rows && rows.length > 0 && <span class="muted">{count(rows.length)}</span>}>
      <div class="body stack-2">
        {list.error && !rows ? <ErrorPanel error={list.error} onRetry={list.reload} /> : null}
        {rows && !rows.length && <p class="soft"><b>{M.source.noEndpoints}.</b> {canChange && M.source.noEndpointsMore}</p>}
        {rows && rows.length > 0 && <ul class="hlist">{rows.map((one: Endpoint) => <li class="row" key={one.id}><code class="wrapany"><bdi>{one.url}</bdi></code>{one.disabled && <Status is="disabled">{P.state.off}</Status>}</li>)}</ul>}
        {canChange && (
          <form class="row wrap addrow" noValidate onSubmit={(event) => { event.preventDefault(); void add(); }}>
            <Field label={M.form.url} error={mistake} class="grow"><Input type="url" value={url} onValue={setUrl} bad={!!mistake} placeholder="https://example.com/webhooks" spellcheck={false} /></Field>
            <Button type="submit" busy={isBusy} disabled={!url.trim()}>{M.source.add}</Button>
          </form>
        )}
        {error != null && !mistake && <ErrorPanel error={error} />}
      </div>
    </Panel>
  );
}
