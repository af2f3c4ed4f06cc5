// SPDX-License-Identifier: Apache-2.0
// Open edX: what the plugins' admin pages held, for a site. A webhook is an ordinary endpoint of the site's application;
// webfilters stand in the real order in which they are asked.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import {
  api, ApiError, Button, Check, Confirm, Dialog, Empty, ErrorPanel, Field, Input, Link, LinkButton, may, Panel, part, query, setQuery, Table, toast, useAct, useLoad, type Column, type List,
} from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_integrations";
import { appPath, endpointPath, Shown, useApp } from "../common";
import { usePage } from "../shell";
import type { Application, Endpoint, Webfilter } from "../types";
import { chainTo, loadFilters, NewFilter, useCatalogue, type Catalogue } from "./filters";
import { ImportDump } from "./openedx_import";
import { SiteSource } from "./openedx_source";

/** A webhook's event as people know it: the signal where the catalogue has it. */
function signalOf(endpoint: Endpoint, catalogue: Catalogue | undefined): string {
  const type = endpoint.eventTypes?.[0];
  if (!type) return C.openedx.anyEvent;
  return catalogue?.events.find((one) => one.type === type)?.name ?? type;
}

/** Endpoints take event types that exist only; those of the platform are made when they are first needed. */
async function ensureType(type: string, signal: string): Promise<void> {
  try {
    await api.get(`/api/v1/event-type/${part(type)}`);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
    await api.post("/api/v1/event-type", { name: type, description: signal, groupName: "org.openedx" });
  }
}

function WebhookDialog({ app, endpoint, catalogue, onClose, onDone }: { app: string; endpoint?: Endpoint; catalogue: Catalogue | undefined; onClose: () => void; onDone: () => void }): JSX.Element {
  const [description, setDescription] = useState(endpoint?.description ?? "");
  const [event, setEvent] = useState(endpoint?.eventTypes?.length ? signalOf(endpoint, catalogue) : "");
  const [url, setUrl] = useState(endpoint?.url ?? "");
  const [isEnabled, setEnabled] = useState(!endpoint?.disabled);
  const [isForm, setForm] = useState(endpoint?.encoding === "form");
  const { isBusy, error, run } = useAct();
  const save = async () => {
    const typed = event.trim();
    const known = catalogue?.events.find((one) => one.name === typed || one.type === typed);
    const type = known?.type ?? typed;
    const body = { description: description.trim(), url: url.trim(), eventTypes: type ? [type] : null, disabled: !isEnabled, encoding: isForm ? "form" : "json" };
    const isDone = await run(async () => {
      if (known) await ensureType(known.type, known.name);
      if (endpoint) await api.patch(endpointPath(app, endpoint.id), body);
      else await api.post(`${appPath(app)}/endpoint`, body);
    });
    if (!isDone) return;
    toast.say(C.common.saved);
    onClose();
    onDone();
  };
  return (
    <Dialog title={endpoint ? C.openedx.editWebhook : C.openedx.addWebhook} onClose={onClose} onSubmit={save}
      footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!url.trim()}>{C.common.save}</Button></>}>
      <Field label={C.openedx.description}><Input value={description} onValue={setDescription} data-first="" /></Field>
      <Field label={C.openedx.event} hint={C.openedx.eventHint}><Input mono value={event} onValue={setEvent} list="signals" /></Field>
      <datalist id="signals">{catalogue?.events.map((one) => <option value={one.name} />)}</datalist>
      <Field label={C.openedx.url}><Input mono type="url" value={url} onValue={setUrl} placeholder="https://" /></Field>
      <Check sw checked={isEnabled} onValue={setEnabled}>{C.openedx.enabled}</Check>
      <Check sw checked={isForm} onValue={setForm}>{C.openedx.form}</Check>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

function Webhooks({ app }: { app: Application }): JSX.Element {
  const catalogue = useCatalogue();
  const list = useLoad(`openedx webhooks ${app.id}`, (signal) => api.get<List<Endpoint>>(`${appPath(app.id)}/endpoint`, { limit: 250 }, signal));
  const [editing, setEditing] = useState<Endpoint | "new" | null>(null);
  const [going, setGoing] = useState<Endpoint | null>(null);
  const toggle = async (endpoint: Endpoint, isOn: boolean) => {
    try {
      if (isOn) await api.post(`${endpointPath(app.id, endpoint.id)}/enable`);
      else await api.patch(endpointPath(app.id, endpoint.id), { disabled: true });
    } catch (error) {
      toast.fail(error);
    }
    list.reload();
  };
  return (
    <Panel inset title={C.openedx.webhooks} actions={<Button needs="change" small icon="plus" onClick={() => setEditing("new")}>{C.openedx.addWebhook}</Button>} footer={C.openedx.several}>
      <Shown loaded={list}>
        {(data) => data.data.length === 0 ? <Empty title={C.openedx.noWebhook}>{C.openedx.noWebhookText}</Empty> : (
          <table class="tbl fixed" aria-label={C.openedx.webhooks}>
            <thead><tr><th scope="col">{C.openedx.description}</th><th scope="col" class="c-lg">{C.openedx.event}</th><th scope="col" class="c-wide">{C.openedx.url}</th><th scope="col" class="c-tog">{C.openedx.enabled}</th><th scope="col" class="c-two"><span class="sr">{C.common.more}</span></th></tr></thead>
            <tbody>
              {data.data.map((endpoint) => (
                <tr key={endpoint.id}>
                  <td><Link class="main-link" to={`/apps/${part(app.id)}/endpoints/${part(endpoint.id)}`}><bdi>{endpoint.description || endpoint.url}</bdi></Link>{endpoint.encoding === "form" && <span class="l2">{C.openedx.form}</span>}</td>
                  <td class="c-lg mono"><bdi>{signalOf(endpoint, catalogue)}</bdi></td>
                  <td class="c-wide mono"><span class="trunc block"><bdi>{endpoint.url}</bdi></span></td>
                  <td class="c-tog"><input type="checkbox" class="sw" aria-label={C.openedx.enabled} disabled={!may("change")} checked={!endpoint.disabled} onChange={(event) => void toggle(endpoint, event.currentTarget.checked)} /></td>
                  <td class="num c-two"><Button needs="change" small kind="quiet" onClick={() => setEditing(endpoint)}>{C.common.edit}</Button><Button needs="change" small kind="quiet" onClick={() => setGoing(endpoint)}>{C.common.remove}</Button></td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Shown>
      {editing && <WebhookDialog app={app.id} endpoint={editing === "new" ? undefined : editing} catalogue={catalogue} onClose={() => setEditing(null)} onDone={list.reload} />}
      {going && <Confirm title={C.openedx.removeTitle(going.description || going.url)} act={C.common.remove} danger onClose={() => setGoing(null)} onConfirm={async () => { await api.del(endpointPath(app.id, going.id)); list.reload(); }}><p>{C.openedx.removeText}</p></Confirm>}
    </Panel>
  );
}

function haltsOn(filter: Webfilter): string {
  if (filter.disableHalt) return C.chain.rules.noHalt;
  const on = [filter.haltOn4xx && C.chain.c4xx, filter.haltOn5xx && C.chain.c5xx, filter.haltOnRequestException && C.chain.noAnswer].filter(Boolean);
  return on.join(", ") || C.common.none;
}

const FILTER_COLUMNS = (app: string): Column<Webfilter>[] => [
  { key: "name", head: C.openedx.description, cell: (filter) => <><Link class="main-link" to={chainTo(app, filter.event)}><bdi>{filter.description || filter.url}</bdi></Link><span class="l2 mono trunc"><bdi>{filter.url}</bdi></span></> },
  { key: "event", head: C.openedx.event, class: "c-lg", cell: (filter) => <bdi class="mono">{filter.event}</bdi> },
  { key: "order", head: C.openedx.order, isNum: true, class: "c-lg", cell: (filter) => filter.order },
  { key: "halts", head: C.openedx.halts, class: "c-wide", cell: haltsOn },
  { key: "on", head: C.openedx.enabled, cell: (filter) => (filter.enabled ? C.common.yes : <span class="muted">{C.common.no}</span>) },
];

function SiteFilters({ app }: { app: Application }): JSX.Element {
  const list = useLoad(`openedx filters ${app.id}`, (signal) => loadFilters(app.id, null, signal));
  const [isNew, setNew] = useState(false);
  return (
    <Panel inset title={C.openedx.webfilters} actions={<Button needs="change" small icon="plus" onClick={() => setNew(true)}>{C.openedx.addFilter}</Button>} footer={list.data?.length ? C.openedx.lastWins : undefined}>
      <Shown loaded={list}>
        {(filters) => filters.length === 0 ? <Empty title={C.openedx.noFilter}>{C.openedx.noFilterText}</Empty>
          : <Table class="fixed" label={C.openedx.webfilters} columns={FILTER_COLUMNS(app.id)} rows={[...filters].sort((a, b) => a.event.localeCompare(b.event) || a.order - b.order)} rowKey={(filter) => filter.id} rowTo={(filter) => chainTo(app.id, filter.event)} />}
      </Shown>
      {isNew && <NewFilter app={app.id} onClose={() => setNew(false)} />}
    </Panel>
  );
}

function SiteView({ site }: { site: string }): JSX.Element {
  const app = useApp(site);
  const [isImporting, setImporting] = useState(false);
  const [turn, setTurn] = useState(0);
  return (
    <Shown loaded={app}>
      {(data) => (
        <div class="stack">
          <div class="row"><h2 class="grow sitename"><Link to={`/apps/${part(data.id)}`}><bdi>{data.name}</bdi></Link></h2><Button needs="change" icon="in" onClick={() => setImporting(true)}>{C.openedx.import}</Button></div>
          <SiteSource app={data} />
          <Webhooks key={`w${turn}`} app={data} />
          <SiteFilters key={`f${turn}`} app={data} />
          {isImporting && <ImportDump app={data.id} onClose={() => setImporting(false)} onDone={() => setTurn((n) => n + 1)} />}
        </div>
      )}
    </Shown>
  );
}

const SITES_SHOWN = 12;

/** Those that stand for something of another integration are none. */
function isSite(app: Application): boolean {
  return !/^(ckan|preservica|gaia-.*)$/.test(app.uid ?? "");
}

/** Applications to choose from, the newest first. */
function Sites({ apps }: { apps: readonly Application[] }): JSX.Element {
  if (!apps.length) return <div class="panel"><Empty title={C.openedx.noSite} actions={<LinkButton to="/apps">{C.apps.title}</LinkButton>}>{C.openedx.noSiteText}</Empty></div>;
  return (
    <Panel inset title={C.openedx.choose} footer={C.openedx.chooseText}>
      <ul class="picklist">
        {apps.slice(0, SITES_SHOWN).map((app) => <li data-row=""><Link to={`/integrations/openedx?site=${part(app.uid ?? app.id)}`}><bdi class="trunc">{app.name}</bdi></Link>{app.uid && <bdi class="muted mono trunc">{app.uid}</bdi>}</li>)}
      </ul>
    </Panel>
  );
}

export function OpenEdx(): JSX.Element {
  usePage(C.nav.openedx, [{ label: C.nav.integrations }]);
  const site = query.value.get("site");
  const [text, setText] = useState(site ?? "");
  useEffect(() => setText(site ?? ""), [site]);
  const apps = useLoad("openedx apps", (signal) => api.get<List<Application>>("/api/v1/app", { limit: 100, order: "descending" }, signal));
  return (
    <>
      <div class="phead">
        <h1 class="grow">{C.openedx.title}<span class="h-sub">{C.openedx.sub}</span></h1>
        <form class="row" onSubmit={(event) => { event.preventDefault(); setQuery({ site: text.trim() || null }); }}>
          <Input value={text} onValue={setText} list="sites" placeholder={C.openedx.site} aria-label={C.openedx.siteHint} />
          <datalist id="sites">{apps.data?.data.map((app) => <option value={app.uid ?? app.id}>{app.name}</option>)}</datalist>
          <Button type="submit" disabled={!text.trim()}>{C.openedx.open}</Button>
        </form>
      </div>
      {site ? <SiteView key={site} site={site} /> : <Shown loaded={apps}>{(list) => <Sites apps={list.data.filter(isSite)} />}</Shown>}
    </>
  );
}
