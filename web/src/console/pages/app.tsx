// SPDX-License-Identifier: Apache-2.0
// One application: its endpoints, messages and settings.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import {
  api, Button, Confirm, count, Dialog, Empty, ErrorPanel, Facts, Field, Id, Input, Link, Menu, MenuItem, navigate, pageIterator, Pager, Panel, part, Status, Table, Tabs, Tag, Time, toast, useAct, useLoad, type Column, type List, type Params,
} from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_delivery";
import { appPath, APPS, eachOf, endpointName, EndpointStatus, many, numberOf, Shown, useApp, useOpen } from "../common";
import { usePage } from "../shell";
import type { Application, Endpoint, Health, Stats } from "../types";
import { AppDialog } from "./apps";
import { Changes } from "./audit";
import { SeriesDay } from "./endpoint_day";
import { Deliveries } from "./deliveries";
import { EndpointActs } from "./endpoint_many";
import { EndpointDialog } from "./endpoint_form";
import { useChosen } from "./choose";
import { Messages } from "./messages";
import { PortalLink } from "./portal_link";
import { SendMessage } from "./send";

type AppTab = "endpoints" | "messages" | "deliveries" | "filters" | "changes" | "settings";

function useTabs(app: string): { key: AppTab; label: string; to: string }[] {
  const base = `/apps/${part(app)}`;
  return [
    { key: "endpoints", label: C.app.endpoints, to: base },
    { key: "messages", label: C.app.messages, to: `${base}/messages` },
    { key: "deliveries", label: C.app.deliveries, to: `${base}/deliveries` },
    { key: "filters", label: C.app.filters, to: `${base}/filters` },
    { key: "changes", label: C.common.changes, to: `${base}/changes` },
    { key: "settings", label: C.app.settings, to: `${base}/settings` },
  ];
}

type Act = "send" | "portal" | "throttle" | "edit" | "expire" | "delete" | "endpoint";

/** The frame of the application's pages. */
function AppFrame({ params, tab, children }: { params: Params; tab: AppTab; children: (app: Application, open: (act: Act) => void) => JSX.Element }): JSX.Element {
  const id = params["app"]!;
  const app = useApp(id);
  const [act, open] = useOpen<Act>();
  const close = () => open(null);
  const tabs = useTabs(id);
  const tabLabel = tabs.find((one) => one.key === tab)!.label;
  usePage(tab === "endpoints" ? app.data?.name ?? "" : tabLabel, tab === "endpoints" ? [APPS] : [APPS, { label: app.data?.name ?? id, to: `/apps/${part(id)}` }]);
  const path = appPath(id);
  return (
    <Shown loaded={app}>
      {(data) => (
        <>
          <div class="ephead">
            <div class="grow">
              <h1><bdi>{data.name}</bdi></h1>
              <span class="row wrap meta-line"><Id value={data.id} />{data.uid && <Tag>{data.uid}</Tag>}{data.throttleRate && <Status is="throttled">{C.common.perSecond(data.throttleRate)}</Status>}</span>
            </div>
            <div class="row">
              <Button needs="change" icon="link" class="only-lg" onClick={() => open("portal")}>{C.app.portal}</Button>
              <Button needs="change" icon="gauge" class="only-lg" onClick={() => open("throttle")}>{C.app.throttle}</Button>
              <Button needs="change" icon="send" onClick={() => open("send")}>{C.app.send}</Button>
              <Menu label={C.common.more} needs="change">
                <MenuItem needs="change" icon="plus" onClick={() => open("endpoint")}>{C.app.addEndpoint}</MenuItem>
                <MenuItem needs="change" icon="link" onClick={() => open("portal")}>{C.app.portal}</MenuItem>
                <MenuItem needs="change" icon="gauge" onClick={() => open("throttle")}>{C.app.throttle}</MenuItem>
                <MenuItem needs="change" icon="gear" onClick={() => open("edit")}>{C.common.edit}</MenuItem>
                <hr />
                <MenuItem needs="change" icon="off" onClick={() => open("expire")}>{C.app.expire}</MenuItem>
                <MenuItem needs="change" icon="x" danger onClick={() => open("delete")}>{C.common.remove}</MenuItem>
              </Menu>
            </div>
          </div>
          <Tabs label={C.app.tabs} at={tab} tabs={tabs} />
          {children(data, open)}
          {act === "send" && <SendMessage app={data} onClose={close} />}
          {act === "portal" && <PortalLink app={data} onClose={close} />}
          {act === "endpoint" && <EndpointDialog app={data.id} onClose={close} onDone={(made) => navigate(`/apps/${part(id)}/endpoints/${part(made.id)}`)} />}
          {act === "throttle" && <Throttle app={data} onClose={close} onDone={app.set} />}
          {act === "edit" && <AppDialog app={data} onClose={close} onDone={(next) => { app.set(next); toast.say(C.common.saved); }} />}
          {act === "expire" && (
            <Confirm title={C.app.expireTitle} act={C.app.expire} danger onClose={close} onConfirm={async () => { await api.post(`/api/v1/auth/app/${part(id)}/expire-all`, {}); toast.say(C.app.expired); }}>
              <p>{C.app.expireText}</p>
            </Confirm>
          )}
          {act === "delete" && (
            <Confirm title={C.app.deleteTitle(data.name)} act={C.common.remove} danger typed={data.name} onClose={close} onConfirm={async () => { await api.del(path); toast.say(C.app.deleted(data.name)); navigate("/apps"); }}>
              <p>{C.app.deleteText}</p>
            </Confirm>
          )}
        </>
      )}
    </Shown>
  );
}

/** The rate alone: what one wants at hand when a customer floods the others. */
function Throttle({ app, onClose, onDone }: { app: Application; onClose: () => void; onDone: (app: Application) => void }): JSX.Element {
  const [rate, setRate] = useState(app.throttleRate ? String(app.throttleRate) : "");
  const { isBusy, error, run } = useAct();
  const save = async () => {
    let next: Application | undefined;
    const isDone = await run(async () => {
      next = await api.patch<Application>(appPath(app.id), { throttleRate: numberOf(rate) });
    });
    if (!isDone || !next) return;
    toast.say(next.throttleRate ? C.app.throttled(next.name, next.throttleRate) : C.app.unthrottled(next.name));
    onDone(next);
    onClose();
  };
  return (
    <Dialog title={C.app.throttleTitle(app.name)} onClose={onClose} onSubmit={save} footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy}>{C.common.save}</Button></>}>
      <p>{C.app.throttleText}</p>
      <Field label={C.apps.rate} hint={C.apps.rateHint}><Input type="number" min={1} value={rate} onValue={setRate} data-first="" /></Field>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

export interface EndpointRow {
  endpoint: Endpoint;
  health?: Health;
  stats?: Stats;
}

const HEALTHS_AT_MOST = 50;

/** The endpoints at once, how each does a moment later. */
function useEndpointRows(app: string, iterator: string | null): { list: ReturnType<typeof useLoad<List<Endpoint>>>; rows: EndpointRow[] | undefined; reload: () => void } {
  const list = useLoad(`endpoints ${app} ${iterator}`, (signal) => api.get<List<Endpoint>>(`${appPath(app)}/endpoint`, { limit: 100, iterator }, signal));
  const ids = list.data?.data.slice(0, HEALTHS_AT_MOST).map((one) => one.id) ?? [];
  const more = useLoad(`healths ${ids.join()}`, async (signal) => {
    const healths = await eachOf(ids, 3, (id) => api.get<Health>(`${appPath(app)}/endpoint/${part(id)}/health`, undefined, signal));
    const stats = await eachOf(ids, 3, (id) => api.get<Stats>(`${appPath(app)}/endpoint/${part(id)}/stats`, undefined, signal));
    return new Map(ids.map((id, i) => [id, { health: healths[i], stats: stats[i] }]));
  }, { isOff: ids.length === 0 });
  return { list, reload: () => [list, more].forEach((one) => one.reload()), rows: list.data?.data.map((endpoint) => ({ endpoint, ...more.data?.get(endpoint.id) })) };
}

function endpointColumns(app: string): Column<EndpointRow>[] {
  return [
    { key: "name", head: C.app.endpoint, class: "c-first", cell: ({ endpoint }) => <><Link class="main-link" to={`/apps/${part(app)}/endpoints/${part(endpoint.id)}`}><bdi>{endpointName(endpoint)}</bdi></Link><span class="l2 trunc mono"><bdi>{endpoint.url}</bdi></span></> },
    { key: "state", head: C.app.state, class: "c-st", cell: ({ endpoint, health }) => <EndpointStatus endpoint={endpoint} health={health} /> },
    { key: "types", head: C.app.listens, class: "c-wide", cell: ({ endpoint }) => (endpoint.eventTypes?.length ? <span class="row wrap gap-1">{endpoint.eventTypes.slice(0, 3).map((type) => <Tag>{type}</Tag>)}{endpoint.eventTypes.length > 3 && <span class="muted">+{endpoint.eventTypes.length - 3}</span>}</span> : <span class="muted">{C.app.anyType}</span>) },
    { key: "waiting", head: C.app.waiting, isNum: true, class: "c-lg", cell: ({ health }) => (health ? many(health.pendingCount, 1000) : "") },
    { key: "failed", head: C.app.givenUp, isNum: true, class: "c-lg", cell: ({ stats }) => (stats ? <span class={stats.fail ? "bad" : ""}>{count(stats.fail)}</span> : "") },
    { key: "done", head: C.app.delivered, isNum: true, class: "c-lg", cell: ({ stats }) => (stats ? count(stats.success) : "") },
  ];
}

function Endpoints({ app, onAdd }: { app: string; onAdd: () => void }): JSX.Element {
  const iterator = pageIterator();
  const { list, rows, reload } = useEndpointRows(app, iterator);
  const chosen = useChosen(rows, (row) => row.endpoint.id, (row) => endpointName(row.endpoint));
  if (rows && rows.length === 0 && !iterator) {
    return <div class="panel mt"><Empty title={C.app.noEndpoint} actions={<Button needs="change" kind="primary" onClick={onAdd}>{C.app.addEndpoint}</Button>}>{C.app.noEndpointText}</Empty></div>;
  }
  return (
    <>
      {list.error != null && <ErrorPanel error={list.error} onRetry={list.reload} />}
      <div class="mt"><EndpointActs app={app} chosen={chosen} onDone={reload} /></div>
      <div class="panel flush inset clipx">
        <Table class="fixed" label={C.app.endpoints} columns={[...chosen.columns, ...endpointColumns(app)]} rows={rows} rowKey={(row) => row.endpoint.id} isPicked={chosen.isPicked} onRowKey={chosen.onRowKey} rowTo={(row) => `/apps/${part(app)}/endpoints/${part(row.endpoint.id)}`} isSlow={list.isSlow} />
      </div>
      <Pager list={list.data} />
    </>
  );
}

export function AppEndpoints({ params }: { params: Params }): JSX.Element {
  return <AppFrame params={params} tab="endpoints">{(app, open) => <><section class="panel mt" aria-label={C.day.title}><SeriesDay of={`application:${app.id}`} /></section><Endpoints app={app.id} onAdd={() => open("endpoint")} /></>}</AppFrame>;
}

export function AppMessages({ params }: { params: Params }): JSX.Element {
  return <AppFrame params={params} tab="messages">{(app, open) => <Messages app={app.id} onSend={() => open("send")} />}</AppFrame>;
}

export function AppDeliveries({ params }: { params: Params }): JSX.Element {
  return <AppFrame params={params} tab="deliveries">{(app) => <Deliveries app={app.id} />}</AppFrame>;
}

export function AppChanges({ params }: { params: Params }): JSX.Element {
  return <AppFrame params={params} tab="changes">{(app) => <Changes app={app.id} />}</AppFrame>;
}

function AppFacts({ app, onEdit }: { app: Application; onEdit: () => void }): JSX.Element {
  return (
    <Panel title={C.common.settings} actions={<Button needs="change" small kind="quiet" onClick={onEdit}>{C.common.edit}</Button>}>
      <div class="body">
        <Facts rows={[
          [C.common.name, <bdi>{app.name}</bdi>],
          [C.common.uid, app.uid ? <Id value={app.uid} /> : C.common.none],
          [C.apps.rate, app.throttleRate ? C.common.perSecond(app.throttleRate) : C.common.unlimited],
          ...Object.entries(app.metadata).map(([key, value]) => [<bdi class="mono">{key}</bdi>, <bdi>{value}</bdi>] as const),
          [C.common.created, <Time at={app.createdAt} />],
          [C.common.changed, <Time at={app.updatedAt} />],
        ]} />
      </div>
    </Panel>
  );
}

export function AppSettings({ params }: { params: Params }): JSX.Element {
  return (
    <AppFrame params={params} tab="settings">
      {(app, open) => (
        <div class="stack mt narrowpage">
          <AppFacts app={app} onEdit={() => open("edit")} />
          <Panel title={C.app.danger}>
            <div class="body row wrap">
              <Button needs="change" kind="danger" onClick={() => open("expire")}>{C.app.expire}</Button>
              <Button needs="change" kind="danger" onClick={() => open("delete")}>{C.common.remove}</Button>
            </div>
          </Panel>
        </div>
      )}
    </AppFrame>
  );
}

