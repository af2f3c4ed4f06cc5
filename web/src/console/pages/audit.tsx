// SPDX-License-Identifier: Apache-2.0
// Who changed what: the page of the whole log, and the part of other pages that shows the changes of one object. A row
// opens by the address, so that it can be sent to somebody. Names and values are strangers' words, and text.
import type { ComponentChildren, JSX } from "preact";
import { api, Button, call, Chips, Copy, Dialog, Empty, ErrorPanel, Facts, Id, Link, navigate, pageIterator, Pager, part, path, query, setQuery, Table, Time, toast, useLoad, type Column, type FilterSpec, type List, type Query, download } from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_audit";
import { momentOf, showMoment, SINCE } from "../moments";
import { usePage } from "../shell";
import { CopyLink } from "./messages";
import { restoreTo } from "./restore";

interface Thing {
  kind: string;
  id: string | null;
  name: string | null;
}

interface Change {
  member: string;
  from?: unknown;
  to?: unknown;
  cut?: boolean;
}

interface Row {
  id: string;
  timestamp: string;
  action: string;
  object: Thing | null;
  about: string | null;
  applicationId: string | null;
  applicationName: string | null;
  who: Thing;
  operation: string | null;
  peer: string | null;
  requestId: string | null;
  changes: Change[];
}

const FILTERS: readonly FilterSpec[] = [
  { name: "object", label: C.audit.filterObject, hint: C.audit.objectHint },
  { name: "app", label: C.audit.filterApp, hint: C.audit.appHint },
  { name: "who", label: C.audit.filterWho, hint: C.audit.whoHint },
  { name: "action", label: C.audit.filterAction, options: C.audit.actions },
  { name: "operation", label: C.audit.filterOperation, hint: C.audit.operationHint, placeholder: "v1.endpoint.*" },
  { name: "text", label: C.audit.filterText, hint: C.audit.textHint },
  { name: "since", label: C.audit.since, options: SINCE, show: showMoment },
  { name: "until", label: C.audit.until, placeholder: "2026-11-30 14:00", show: showMoment },
];

function filterQuery(): Query {
  const at = query.value;
  return {
    object_id: at.get("object"), app_id: at.get("app"), who: at.get("who"), action: at.get("action"), operation: at.get("operation"), text: at.get("text"),
    since: momentOf(at.get("since")), until: momentOf(at.get("until")),
  };
}

/* --- words of a row --- */

function whatWords(row: Row): string {
  const kind = row.object ? C.audit.kinds[row.object.kind] ?? row.object.kind : "";
  if (row.object?.kind === "more") return C.audit.changedMore(row.object.name ?? "");
  if (row.action === "did") return C.audit.operations[row.operation ?? ""] ?? C.audit.ran(row.operation ?? "");
  return C.audit.did[row.action]?.(kind) ?? row.action;
}

/** The page of what was changed, where it has one and is still there. */
function pageOf(row: Row): string | null {
  const { object, applicationId: app } = row;
  if (!object?.id || row.action === "deleted") return null;
  const id = part(object.id);
  switch (object.kind) {
    case "application": return `/apps/${id}`;
    case "endpoint": return app ? `/apps/${part(app)}/endpoints/${id}` : row.about?.startsWith("src_") ? `/sources/${part(row.about)}/endpoints` : null;
    case "message": return app ? `/apps/${part(app)}/messages/${id}` : null;
    case "filter": return app && row.about ? `/apps/${part(app)}/chains/${part(row.about)}` : null;
    case "filter-chain": return app ? `/apps/${part(app)}/chains/${id}` : null;
    case "filter-run": return app ? `/apps/${part(app)}/runs/${id}` : null;
    case "source": return `/sources/${id}`;
    case "task": return `/tasks/${id}`;
    case "event-type": return `/event-types/${id}`;
    default: return null;
  }
}

function shown(value: unknown): string {
  if (value === null || value === undefined || value === "") return C.audit.nothing;
  return typeof value === "string" ? value : JSON.stringify(value);
}

function Who({ who }: { who: Thing }): JSX.Element {
  const kind = C.audit.whos[who.kind] ?? who.kind;
  if (!who.name && !who.id) return <>{kind}</>;
  return <><bdi>{who.name || who.id}</bdi><span class="l2">{kind}{who.name && who.id && <> <span class="mono">{who.id}</span></>}</span></>;
}

/* --- a row, opened --- */

function Diff({ changes }: { changes: readonly Change[] }): JSX.Element {
  const members = changes.filter((one) => !one.cut);
  if (members.length === 0) return <p class="muted">{C.audit.noMembers}</p>;
  return (
    <>
      <table class="tbl auditdiff">
        <thead><tr><th scope="col">{C.audit.member}</th><th scope="col">{C.audit.before}</th><th scope="col">{C.audit.after}</th></tr></thead>
        <tbody>
          {members.map((one) => (
            <tr>
              <th scope="row"><bdi class="mono">{one.member}</bdi></th>
              <td>{"from" in one && <span class={one.from === null ? "muted" : "was"}><bdi>{shown(one.from)}</bdi></span>}</td>
              <td><span class={one.to === null ? "muted" : "is"}><bdi>{shown(one.to)}</bdi></span></td>
            </tr>
          ))}
        </tbody>
      </table>
      {members.length < changes.length && <p class="hint">{C.audit.cut}</p>}
    </>
  );
}

/** Another list of the log, from a row of this one. */
function Elsewhere({ filter, value, children }: { filter: string; value: string; children: ComponentChildren }): JSX.Element {
  return <Link to={`/audit?${filter}=${part(value)}`}>{children}</Link>;
}

function RowDialog({ row, onClose }: { row: Row; onClose: () => void }): JSX.Element {
  const page = pageOf(row), restore = restoreTo(row);
  const { object, who } = row;
  return (
    <Dialog wide title={whatWords(row)} onClose={onClose}
      footer={<><span class="grow" /><CopyLink />{restore && <Button needs="change" icon="retry" onClick={() => navigate(restore)}>{C.audit.restore}</Button>}{page && <Button onClick={() => navigate(page)}>{C.audit.openObject}</Button>}<Button kind="primary" data-first="" onClick={onClose}>{W.dialog.close}</Button></>}>
      <Facts rows={[
        [C.audit.at, <Time at={row.timestamp} />],
        [C.audit.who, <span class="row wrap">{(who.name || who.id) && <b><bdi>{who.name || who.id}</bdi></b>}<span class="muted">{C.audit.whos[who.kind] ?? who.kind} {who.name && who.id && <span class="mono">{who.id}</span>}</span>{(who.name || who.id) && <Elsewhere filter="who" value={who.name || who.id!}>{C.audit.allOfWho}</Elsewhere>}</span>],
        [C.audit.from, row.peer && <span class="mono"><bdi>{row.peer}</bdi></span>],
        object && object.kind !== "more" && [C.audit.object, <span class="row wrap">{object.name && object.name !== object.id && <b><bdi>{object.name}</bdi></b>}{object.id && <Id value={object.id} />}{object.id && <Elsewhere filter="object" value={object.id}>{C.audit.allOfObject}</Elsewhere>}</span>],
        [C.audit.about, row.about && <Id value={row.about} />],
        [C.audit.filterApp, row.applicationId && <Link to={`/apps/${part(row.applicationId)}`}><bdi>{row.applicationName || row.applicationId}</bdi></Link>],
        [C.audit.operation, row.operation && <span class="row gap-1"><code class="mono"><bdi>{row.operation}</bdi></code></span>],
        [C.audit.request, row.requestId && <span class="row gap-1"><bdi class="mono">{row.requestId}</bdi><Copy text={row.requestId} /></span>],
      ]} />
      <Diff changes={row.changes} />
    </Dialog>
  );
}

/** The row that the address names: it may stand on another page of the list. */
function OpenRow({ rows }: { rows: readonly Row[] | undefined }): JSX.Element | null {
  const id = query.value.get("row");
  const here = rows?.find((row) => row.id === id);
  const loaded = useLoad(`audit row ${id}`, (signal) => api.get<Row>(`/api/v1/audit/${part(id!)}`, undefined, signal), { isOff: !id || !rows || !!here });
  const row = here ?? loaded.data;
  const close = () => setQuery({ row: null }, { replace: true });
  if (!id) return null;
  if (loaded.error != null && !here) return <ErrorPanel error={loaded.error} onRetry={loaded.reload} />;
  return row?.id === id ? <RowDialog row={row} onClose={close} /> : null;
}

/* --- lists --- */

function rowTo(row: Row): string {
  const next = new URLSearchParams(query.value);
  next.set("row", row.id);
  return `${path.value}?${next}`;
}

function columns(): Column<Row>[] {
  return [
    { key: "what", head: C.audit.what, cell: (row) => <><Link class="main-link" to={rowTo(row)}>{whatWords(row)}{row.object?.name && row.object.kind !== "more" && !row.action.startsWith("signed") && <> <bdi>{row.object.name}</bdi></>}</Link><span class="l2 trunc mono"><bdi>{row.changes.map((one) => one.member).join(", ") || row.operation || ""}</bdi></span></> },
    { key: "who", head: C.audit.who, class: "c-who", cell: (row) => <Who who={row.who} /> },
    { key: "from", head: C.audit.from, class: "c-wide", cell: (row) => <span class="mono"><bdi>{row.peer ?? ""}</bdi></span> },
    { key: "at", head: C.audit.at, isNum: true, cell: (row) => <Time at={row.timestamp} /> },
  ];
}

function AuditTable({ of, filters, nothing }: { of: Query; filters: readonly FilterSpec[]; nothing: JSX.Element }): JSX.Element {
  const iterator = pageIterator();
  const asked = { ...filterQuery(), ...of };
  const list = useLoad(`audit ${JSON.stringify(asked)} ${iterator}`, (signal) => api.get<List<Row>>("/api/v1/audit", { limit: 100, iterator, ...asked }, signal));
  const rows = list.data?.data;
  const isFiltered = filters.some((spec) => query.value.has(spec.name));
  return (
    <>
      {list.error != null && <ErrorPanel error={list.error} onRetry={list.reload} />}
      {rows && rows.length === 0 && !iterator
        ? <div class="panel">{isFiltered ? <Empty art="line" title={C.audit.noMatch}>{C.audit.noMatchText}</Empty> : nothing}</div>
        : <div class="panel flush inset clipx"><Table class="fixed audit" label={C.audit.list} columns={columns()} rows={rows} rowKey={(row) => row.id} rowTo={rowTo} isSlow={list.isSlow} /></div>}
      <Pager list={list.data} />
      <OpenRow rows={rows} />
    </>
  );
}

const EXPORT_PARTS = 50;

/** Part after part, as the server hands them out. */
async function exportAll(format: "csv" | "ndjson", asked: Query): Promise<void> {
  let text = "", iterator: string | null = null, n = 0;
  for (let i = 0; i < EXPORT_PARTS; i++) {
    const answer: Response = await call("GET", "/api/v1/audit/export", { query: { ...asked, format, iterator } });
    const got = await answer.text();
    text += got;
    n += Number(answer.headers.get("Grapnel-Rows") ?? 0);
    iterator = answer.headers.get("Grapnel-Iterator");
    if (!iterator) break;
  }
  download(`audit.${format}`, text);
  toast.say(iterator ? C.audit.exportedPart(n) : C.audit.exported(n));
}

export function AuditPage(): JSX.Element {
  usePage(C.audit.title);
  const save = (format: "csv" | "ndjson") => void exportAll(format, filterQuery()).catch(toast.fail);
  return (
    <>
      <div class="phead">
        <h1 class="grow">{C.audit.title}<span class="h-sub">{C.audit.sub}</span></h1>
        <div class="row"><Button icon="doc" onClick={() => save("csv")} title={C.audit.exportText}>{C.audit.csv}</Button><Button icon="doc" onClick={() => save("ndjson")} title={C.audit.exportText}>{C.audit.ndjson}</Button></div>
      </div>
      <div class="filters row wrap"><Chips specs={FILTERS} /><span class="row end"><CopyLink /></span></div>
      <AuditTable of={{}} filters={FILTERS} nothing={<Empty title={C.audit.none}>{C.audit.noneText}</Empty>} />
    </>
  );
}

const PART_FILTERS = FILTERS.filter((spec) => spec.name !== "object" && spec.name !== "app");

/** The changes of one object, as a part of its page. */
export function Changes({ app, object }: { app?: string; object?: string }): JSX.Element {
  const of = { app_id: app, object_id: object };
  const whole = new URLSearchParams(Object.entries({ app, object }).filter((one): one is [string, string] => !!one[1]));
  return (
    <>
      <div class="filters row wrap"><Chips specs={PART_FILTERS} /><span class="row end"><Link class="btn s quiet" to={`/audit?${whole}`}>{C.audit.title}</Link></span></div>
      <AuditTable of={of} filters={PART_FILTERS} nothing={<Empty art="line" title={C.audit.noneHere}>{C.audit.noneHereText}</Empty>} />
    </>
  );
}

const LATEST = 5;

/** The newest changes of one object, beside other things of its page. */
export function LatestChanges({ app, object }: { app: string; object: string }): JSX.Element {
  const list = useLoad(`latest ${app} ${object}`, (signal) => api.get<List<Row>>("/api/v1/audit", { limit: LATEST, app_id: app, object_id: object }, signal));
  const more = `/audit?app=${part(app)}&object=${part(object)}`;
  return (
    <section class="panel" aria-label={C.common.changes}>
      <header><h2 class="grow">{C.common.changes}</h2><Link class="btn s quiet" to={more}>{C.audit.title}</Link></header>
      {list.error != null && <ErrorPanel error={list.error} onRetry={list.reload} />}
      {list.data?.data.length === 0 && <p class="body muted">{C.audit.noneHere}</p>}
      <ul class="latest">
        {list.data?.data.map((row) => (
          <li>
            <Link class="main-link trunc" to={`${more}&row=${part(row.id)}`}>{whatWords(row)}{row.object?.name && <> <bdi>{row.object.name}</bdi></>}</Link>
            <span class="l2 row gap-1"><bdi class="trunc">{row.who.name || C.audit.whos[row.who.kind] || row.who.kind}</bdi> <Time at={row.timestamp} /></span>
          </li>
        ))}
      </ul>
    </section>
  );
}
