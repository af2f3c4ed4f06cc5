// SPDX-License-Identifier: Apache-2.0
// All applications.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { api, Button, count, Dialog, Empty, ErrorPanel, Field, Icon, Id, Input, Link, navigate, pageIterator, Pager, part, query, Select, setQuery, Spark, Status, Table, TextArea, Time, toast, useAct, useLoad, type Column, type List, download } from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console";
import { metadataOf, metadataText, numberOf } from "../common";
import { measure, useSparks, waterPoints } from "../series";
import { usePage } from "../shell";
import type { Application } from "../types";

const PAGE = 100;

const ORDERS = {
  newest: { order_by: "created", order: "descending" },
  name: { order_by: "name", order: "ascending" },
  endpoints: { order_by: "endpoints", order: "descending" },
  changed: { order_by: "updated", order: "descending" },
} as const;

type Order = keyof typeof ORDERS;

function orderOf(): Order {
  const asked = query.value.get("sort") as Order | null;
  return asked && asked in ORDERS ? asked : "newest";
}

/** An application, and how its endpoints are. */
interface FoundApplication extends Application {
  endpointCount: number;
  failingCount: number;
  disabledCount: number;
}

function loadApps(text: string, order: Order, iterator: string | null, signal?: AbortSignal): Promise<List<FoundApplication>> {
  return api.get("/api/v1/app-search", { search: text || null, limit: PAGE, iterator, ...ORDERS[order] }, signal);
}

type Sparks = ReturnType<typeof useSparks>;

function Trend({ app, sparks }: { app: Application; sparks: Sparks }): JSX.Element | null {
  const spark = sparks.get(app.id);
  if (!spark) return null;
  const total = (name: string) => count(measure(spark.series, name)?.total ?? 0);
  return <Spark label={C.apps.trend(total("delivered"), total("failed"))} points={waterPoints(spark.range, spark.series, "delivered", ["failed"])} />;
}

const columnsOf = (sparks: Sparks): readonly Column<FoundApplication>[] => [
  { key: "name", head: C.common.name, class: "c-first", cell: (app) => <><Link class="main-link" to={`/apps/${part(app.id)}`}><bdi>{app.name}</bdi></Link><span class="l2 trunc">{app.uid ? <bdi class="mono">{app.uid}</bdi> : <span>–</span>}</span></> },
  { key: "id", head: C.apps.id, class: "c-wide", cell: (app) => <Id value={app.id} /> },
  { key: "endpoints", head: C.apps.endpoints, class: "c-lg", cell: (app) => <>{count(app.endpointCount)}{app.failingCount > 0 && <> <Status is="failing">{C.apps.failing(app.failingCount)}</Status></>}</> },
  { key: "trend", head: C.apps.last24, class: "c-lg", cell: (app) => <Trend app={app} sparks={sparks} /> },
  { key: "n", head: C.apps.messages, isNum: true, cell: (app) => { const spark = sparks.get(app.id); return spark ? count(measure(spark.series, "accepted")?.total ?? 0) : ""; } },
  { key: "rate", head: C.apps.rate, class: "c-wide", isNum: true, cell: (app) => (app.throttleRate ? C.common.perSecond(app.throttleRate) : <span class="muted">{C.common.unlimited}</span>) },
  { key: "created", head: C.common.created, isNum: true, cell: (app) => <Time at={app.createdAt} /> },
];

/** The text typed goes into the address a moment later, so that the list follows it. */
function SearchField(): JSX.Element {
  const kept = query.value.get("q") ?? "";
  const [text, setText] = useState(kept);
  useEffect(() => setText(kept), [kept]);
  useEffect(() => {
    if (text === kept) return;
    const timer = setTimeout(() => setQuery({ q: text.trim() || null, iterator: null }, { replace: true }), 250);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <label class="searchfield">
      <Icon name="search" />
      <Input type="search" value={text} onValue={setText} placeholder={C.apps.search} aria-label={C.apps.search} />
    </label>
  );
}

const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
/** A spreadsheet takes a cell that begins so for a formula. */
const cellOf = (text: string) => quoted(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);

/** Everything that the search finds, as a table for other programs. */
async function exported(q: string): Promise<string> {
  const lines = ["id,uid,name,endpoints,failing,disabled,throttleRate,createdAt"];
  let iterator: string | null = null;
  do {
    const page: List<FoundApplication> = await loadApps(q, orderOf(), iterator);
    for (const app of page.data) lines.push([app.id, cellOf(app.uid ?? ""), cellOf(app.name), app.endpointCount, app.failingCount, app.disabledCount, app.throttleRate ?? "", app.createdAt].join());
    iterator = page.done ? null : page.iterator ?? null;
  } while (iterator);
  return `${lines.join("\r\n")}\r\n`;
}

function Export({ q }: { q: string }): JSX.Element {
  const { isBusy, run } = useAct();
  const exportAll = () => run(async () => {
    try {
      download("applications.csv", await exported(q));
    } catch (error) {
      toast.fail(error);
    }
  });
  return <span class="only-lg"><Button icon="doc" busy={isBusy} onClick={() => void exportAll()}>{C.apps.export}</Button></span>;
}

export function Apps(): JSX.Element {
  usePage(C.nav.apps);
  const q = query.value.get("q") ?? "";
  const iterator = pageIterator();
  const apps = useLoad(`apps ${q} ${orderOf()} ${iterator}`, (signal) => loadApps(q, orderOf(), iterator, signal));
  const [isCreating, setCreating] = useState(false);
  const rows = apps.data?.data;
  const sparks = useSparks("application", rows?.map((app) => app.id) ?? [], "accepted,delivered,failed");
  return (
    <>
      <div class="phead">
        <h1 class="grow">{C.apps.title}<span class="h-sub">{C.apps.sub}</span></h1>
        <SearchField />
        <span class="ordersel"><Select label={C.apps.order} value={orderOf()} options={C.apps.orders} onValue={(order) => setQuery({ sort: order === "newest" ? null : order, iterator: null })} /></span>
        <Export q={q} />
        <Button needs="change" kind="primary" icon="plus" onClick={() => setCreating(true)}>{C.apps.new}</Button>
      </div>
      {apps.error != null && <ErrorPanel error={apps.error} onRetry={apps.reload} />}
      {rows && rows.length === 0 && !iterator ? (
        <div class="panel">
          {q ? <Empty art="line" title={C.apps.nothing(q)}>{C.apps.nothingText}</Empty> : <Empty title={C.apps.empty} actions={<Button needs="change" kind="primary" onClick={() => setCreating(true)}>{C.apps.new}</Button>}>{C.apps.emptyText}</Empty>}
        </div>
      ) : (
        <div class="panel flush inset clipx">
          <Table label={C.apps.title} columns={columnsOf(sparks)} rows={rows} rowKey={(app) => app.id} rowTo={(app) => `/apps/${part(app.id)}`} isSlow={apps.isSlow} />
        </div>
      )}
      <Pager list={apps.data} words={rows && rows.length > 0 ? C.apps.shown(rows.length) : undefined} />
      {isCreating && <AppDialog onClose={() => setCreating(false)} onDone={(app) => { toast.say(C.apps.created(app.name)); navigate(`/apps/${part(app.id)}`); }} />}
    </>
  );
}

/** Creates an application, or changes the one given. */
export function AppDialog({ app, onClose, onDone }: { app?: Application; onClose: () => void; onDone: (app: Application) => void }): JSX.Element {
  const [name, setName] = useState(app?.name ?? "");
  const [uid, setUid] = useState(app?.uid ?? "");
  const [rate, setRate] = useState(app?.throttleRate ? String(app.throttleRate) : "");
  const [metadata, setMetadata] = useState(metadataText(app?.metadata));
  const { isBusy, error, run } = useAct();
  const save = async () => {
    let made: Application | undefined;
    const isDone = await run(async () => {
      const body = { name: name.trim(), uid: uid.trim() || null, throttleRate: numberOf(rate), metadata: metadataOf(metadata) };
      made = app ? await api.patch<Application>(`/api/v1/app/${part(app.id)}`, body) : await api.post<Application>("/api/v1/app", body);
    });
    if (!isDone || !made) return;
    onClose();
    onDone(made);
  };
  return (
    <Dialog title={app ? C.apps.edit : C.apps.new} onClose={onClose} onSubmit={save}
      footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!name.trim()}>{app ? C.common.save : C.common.create}</Button></>}>
      <Field label={C.common.name}><Input value={name} onValue={setName} data-first="" /></Field>
      <Field label={C.common.uid} hint={C.common.uidHint}><Input value={uid} onValue={setUid} mono /></Field>
      <Field label={C.apps.rate} hint={C.apps.rateHint}><Input type="number" min={1} value={rate} onValue={setRate} /></Field>
      <Field label={C.common.metadata} hint={C.common.metadataHint}><TextArea mono rows={3} value={metadata} onValue={setMetadata} /></Field>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}
