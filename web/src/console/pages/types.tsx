// SPDX-License-Identifier: Apache-2.0
// Event types: what messages can be about, with their schemas.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Check, Confirm, Dialog, Empty, ErrorPanel, Facts, Field, Input, isJson, Link, Menu, MenuItem, navigate, pageIterator, Pager, Panel, part, query, setQuery, Table, Tag, TextArea, Time, toast, useAct, useLoad, type Column, type List, type Params } from "../../kit";
import { JsonTree } from "../../kit/json";
import { W } from "../../words/en";
import { C } from "../../words/console_admin";
import { listOf, Shown, useOpen } from "../common";
import { usePage } from "../shell";
import type { EventType, Json } from "../types";

function TypeState({ type }: { type: EventType }): JSX.Element {
  if (type.archived) return <span class="st off">{C.types.archived}</span>;
  return type.deprecated ? <span class="st warn">{C.types.deprecated}</span> : <span class="soft">{C.types.live}</span>;
}

const COLUMNS: readonly Column<EventType>[] = [
  { key: "name", head: C.types.name, cell: (type) => <><Link class="main-link mono" to={`/event-types/${part(type.name)}`}><bdi>{type.name}</bdi></Link><span class="l2"><bdi>{type.description}</bdi></span></> },
  { key: "group", head: C.types.group, class: "c-lg", cell: (type) => type.groupName && <Tag mono={false}>{type.groupName}</Tag> },
  { key: "schema", head: C.types.versions, class: "c-lg", cell: (type) => { const n = Object.keys(type.schemas ?? {}).length; return n ? C.types.versionsOf(n) : <span class="muted">{C.common.none}</span>; } },
  { key: "state", head: C.types.state, cell: (type) => <TypeState type={type} /> },
  { key: "changed", head: C.types.changed, isNum: true, class: "c-lg", cell: (type) => <Time at={type.updatedAt} /> },
];

export function EventTypes(): JSX.Element {
  usePage(C.nav.types);
  const iterator = pageIterator();
  const withArchived = query.value.get("archived") === "1";
  const list = useLoad(`types ${iterator} ${withArchived}`, (signal) => api.get<List<EventType>>("/api/v1/event-type", { limit: 100, iterator, with_content: true, include_archived: withArchived }, signal));
  const [act, open] = useOpen<"new" | "import">();
  const rows = list.data?.data;
  return (
    <>
      <div class="phead">
        <h1 class="grow">{C.types.title}<span class="h-sub">{C.types.sub}</span></h1>
        <Check sw checked={withArchived} onValue={(on) => setQuery({ archived: on ? "1" : null, iterator: null })}>{C.types.showArchived}</Check>
        <Button needs="change" onClick={() => open("import")}>{C.types.import}</Button>
        <Button needs="change" kind="primary" icon="plus" onClick={() => open("new")}>{C.types.new}</Button>
      </div>
      {list.error != null && <ErrorPanel error={list.error} onRetry={list.reload} />}
      {rows && rows.length === 0 && !iterator
        ? <div class="panel"><Empty title={C.types.empty} actions={<Button needs="change" kind="primary" onClick={() => open("new")}>{C.types.new}</Button>}>{C.types.emptyText}</Empty></div>
        : <div class="panel flush inset clipx"><Table label={C.types.title} columns={COLUMNS} rows={rows} rowKey={(type) => type.name} rowTo={(type) => `/event-types/${part(type.name)}`} isSlow={list.isSlow} /></div>}
      <Pager list={list.data} />
      {act === "new" && <TypeDialog onClose={() => open(null)} onDone={(type) => { toast.say(C.types.created(type.name)); navigate(`/event-types/${part(type.name)}`); }} />}
      {act === "import" && <ImportDialog onClose={() => open(null)} onDone={list.reload} />}
    </>
  );
}

function TypeDialog({ type, onClose, onDone }: { type?: EventType; onClose: () => void; onDone: (type: EventType) => void }): JSX.Element {
  const [name, setName] = useState(type?.name ?? "");
  const [description, setDescription] = useState(type?.description ?? "");
  const [group, setGroup] = useState(type?.groupName ?? "");
  const [flags, setFlags] = useState(type?.featureFlags?.join(", ") ?? "");
  const [isDeprecated, setDeprecated] = useState(type?.deprecated ?? false);
  const { isBusy, error, run } = useAct();
  const save = async () => {
    let made: EventType | undefined;
    const isDone = await run(async () => {
      const body = { description: description.trim(), groupName: group.trim() || null, featureFlags: listOf(flags), deprecated: isDeprecated };
      made = type ? await api.patch<EventType>(`/api/v1/event-type/${part(type.name)}`, body) : await api.post<EventType>("/api/v1/event-type", { ...body, name: name.trim() });
    });
    if (!isDone || !made) return;
    onClose();
    onDone(made);
  };
  return (
    <Dialog title={type ? C.types.edit : C.types.new} onClose={onClose} onSubmit={save}
      footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!name.trim()}>{type ? C.common.save : C.common.create}</Button></>}>
      {!type && <Field label={C.types.name} hint={C.types.nameHint}><Input mono value={name} onValue={setName} data-first="" /></Field>}
      <Field label={C.types.description}><Input value={description} onValue={setDescription} data-first={type ? "" : undefined} /></Field>
      <Field label={C.types.group}><Input value={group} onValue={setGroup} /></Field>
      <Field label={C.types.flags} hint={C.types.flagsHint}><Input mono value={flags} onValue={setFlags} /></Field>
      <Check sw checked={isDeprecated} onValue={setDeprecated}>{C.types.deprecated}</Check>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

interface Imported {
  data: { modified?: string[]; to_modify?: { name: string }[] };
}

function ImportDialog({ onClose, onDone }: { onClose: () => void; onDone: () => void }): JSX.Element {
  const [text, setText] = useState("");
  const [preview, setPreview] = useState<string[] | null>(null);
  const { isBusy, error, run } = useAct();
  const ask = async (dryRun: boolean): Promise<string[]> => {
    const answer = await api.post<Imported>("/api/v1/event-type/import/openapi", { specRaw: text, dryRun });
    return dryRun ? (answer.data.to_modify ?? []).map((one) => one.name) : answer.data.modified ?? [];
  };
  const go = () => void run(async () => {
    if (!preview) return setPreview(await ask(true));
    const done = await ask(false);
    toast.say(C.types.imported(done.length));
    onClose();
    onDone();
  });
  return (
    <Dialog wide title={C.types.import} onClose={onClose} onSubmit={go} footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!text.trim() || preview?.length === 0}>{preview ? C.types.importAct : C.types.check}</Button></>}>
      <p>{C.types.importText}</p>
      <Field label={C.types.importLabel}><TextArea mono rows={10} value={text} onValue={(next) => { setText(next); setPreview(null); }} data-first="" /></Field>
      {preview && <div role="status"><p>{C.types.importPreview(preview.length)}</p><p class="row wrap gap-1 mt-2">{preview.map((name) => <Tag>{name}</Tag>)}</p></div>}
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

function SchemaDialog({ type, onClose, onDone }: { type: EventType; onClose: () => void; onDone: (type: EventType) => void }): JSX.Element {
  const versions = Object.keys(type.schemas ?? {});
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
  const [text, setText] = useState(newest ? JSON.stringify(type.schemas![newest], null, 2) : '{\n  "type": "object",\n  "properties": {},\n  "examples": [{}]\n}');
  const { isBusy, error, run } = useAct();
  const problem = isJson(text) ? null : C.types.notJson;
  const save = async () => {
    let made: EventType | undefined;
    const version = String(Math.max(0, ...versions.map(Number)) + 1);
    const isDone = await run(async () => { made = await api.patch<EventType>(`/api/v1/event-type/${part(type.name)}`, { schemas: { ...(type.schemas ?? {}), [version]: JSON.parse(text) as Json } }); });
    if (!isDone || !made) return;
    toast.say(C.common.saved);
    onClose();
    onDone(made);
  };
  return (
    <Dialog wide title={C.types.addSchema} onClose={onClose} onSubmit={save} footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!!problem}>{C.common.save}</Button></>}>
      <Field label={C.types.schemaLabel} error={problem}><TextArea mono rows={16} value={text} bad={!!problem} onValue={setText} data-first="" /></Field>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

interface Listener {
  endpointId: string;
  endpointUid: string | null;
  applicationId: string;
  applicationName: string;
  url: string;
  takesEverything: boolean;
  disabled: boolean;
}

/** The endpoints that get messages of this type. */
function Listeners({ path }: { path: string }): JSX.Element {
  const list = useLoad(`usage ${path}`, (signal) => api.get<List<Listener>>(`${path}/usage`, { limit: 50 }, signal));
  return (
    <Panel inset title={C.types.listeners} footer={list.data && !list.data.done ? C.types.moreListeners(list.data.data.length) : undefined}>
      <Shown loaded={list}>
        {(data) => data.data.length === 0 ? <p class="body muted">{C.types.noListener}</p> : (
          <table class="tbl" aria-label={C.types.listeners}><tbody>
            {data.data.map((one) => (
              <tr key={one.endpointId}>
                <td><Link class="main-link" to={`/apps/${part(one.applicationId)}/endpoints/${part(one.endpointId)}`}><bdi>{one.endpointUid ?? one.endpointId}</bdi></Link><span class="l2 mono"><bdi>{one.url}</bdi></span></td>
                <td><bdi>{one.applicationName}</bdi>{one.takesEverything && <span class="l2">{C.types.takesAll}</span>}</td>
                <td class="num">{one.disabled && <span class="muted">{W.status.disabled}</span>}</td>
              </tr>
            ))}
          </tbody></table>
        )}
      </Shown>
    </Panel>
  );
}

/** What a payload of this type looks like, as the schema has it or as it can be made from it. */
function Example({ path }: { path: string }): JSX.Element {
  const loaded = useLoad(`example ${path}`, (signal) => api.postRaw<{ origin: string }>(`${path}/example`, {}, { signal }));
  return <Shown loaded={loaded}>{(data) => <Panel class="clip" title={data.value.origin === "schema" ? C.types.madeExample : C.types.example}><JsonTree text={data.raw("payload") ?? "null"} label={C.types.example} /></Panel>}</Shown>;
}

export function EventTypePage({ params }: { params: Params }): JSX.Element {
  const name = params["type"]!;
  const path = `/api/v1/event-type/${part(name)}`;
  const loaded = useLoad(`type ${name}`, (signal) => api.get<EventType>(path, undefined, signal));
  const [act, open] = useOpen<"edit" | "schema" | "remove">();
  usePage(name, [{ label: C.nav.types, to: "/event-types" }]);
  const archive = (archived: boolean) => void api.patch<EventType>(path, { archived }).then((next) => {
    loaded.set(next);
    toast.say(archived ? C.types.archivedDone(name) : C.types.restored(name), () => archive(!archived));
  }, toast.fail);
  return (
    <Shown loaded={loaded}>
      {(type) => (
        <div class="stack narrowpage">
          <div class="ephead">
            <div class="grow"><div class="row gap-3 wrap"><h1><bdi>{type.name}</bdi></h1><TypeState type={type} /></div><p class="soft"><bdi>{type.description}</bdi></p></div>
            <div class="row">
              <Button needs="change" onClick={() => open("edit")}>{C.common.edit}</Button>
              <Menu label={C.common.more} needs="change">
                <MenuItem needs="change" icon="plus" onClick={() => open("schema")}>{C.types.addSchema}</MenuItem>
                <MenuItem needs="change" icon="vault" onClick={() => archive(!type.archived)}>{type.archived ? C.types.unarchive : C.types.archive}</MenuItem>
                <hr />
                <MenuItem needs="change" icon="x" danger onClick={() => open("remove")}>{C.types.remove}</MenuItem>
              </Menu>
            </div>
          </div>
          <Panel title={C.common.settings}><div class="body"><Facts rows={[
            [C.types.group, type.groupName],
            [C.types.flags, type.featureFlags?.length ? <span class="row wrap gap-1">{type.featureFlags.map((flag) => <Tag>{flag}</Tag>)}</span> : null],
            [C.common.created, <Time at={type.createdAt} />],
            [C.common.changed, <Time at={type.updatedAt} />],
          ]} /></div></Panel>
          {Object.keys(type.schemas ?? {}).length === 0 && <div class="panel"><Empty title={C.types.noSchema} actions={<Button needs="change" onClick={() => open("schema")}>{C.types.addSchema}</Button>}>{C.types.noSchemaText}</Empty></div>}
          {Object.keys(type.schemas ?? {}).sort((a, b) => Number(b) - Number(a)).map((version) => (
            <Panel class="clip" key={version} title={C.types.schema(version)}><JsonTree text={JSON.stringify(type.schemas![version])} label={C.types.schema(version)} /></Panel>
          ))}
          {Object.keys(type.schemas ?? {}).length > 0 && <Example path={path} />}
          <Listeners path={path} />
          {act === "edit" && <TypeDialog type={type} onClose={() => open(null)} onDone={loaded.set} />}
          {act === "schema" && <SchemaDialog type={type} onClose={() => open(null)} onDone={loaded.set} />}
          {act === "remove" && <Confirm title={C.types.removeTitle(name)} act={C.types.remove} danger typed={name} onClose={() => open(null)} onConfirm={async () => { await api.del(`${path}?expunge=true`); toast.say(C.types.removed(name)); navigate("/event-types"); }}><p>{C.types.removeText}</p></Confirm>}
        </div>
      )}
    </Shown>
  );
}
