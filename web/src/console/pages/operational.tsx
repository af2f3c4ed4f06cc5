// SPDX-License-Identifier: Apache-2.0
// Operational events: who is told what happens here, by which rules lasting issues are told, and what was sent lately.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import {
  api, Button, Check, Code, Confirm, Dialog, duration, Empty, ErrorPanel, Field, Id, Input, may, Menu, MenuItem, Panel, part, Select, Status, Table, Tag, Time, toast, useAct, useLoad, type Column, type List, type Loaded,
} from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_operational";
import { eachOf, hostOf, listOf, useOpen } from "../common";
import { usePage } from "../shell";
import type { Attempt, Endpoint, Json, Message } from "../types";

const BASE = "/api/v1/operational-webhook";
const RULES = "/api/v1/alert-rule";

interface EventType {
  name: string;
  description: string;
}

interface Rule {
  id: string;
  name: string;
  kinds: string[] | null;
  afterSeconds: number;
  enabled: boolean;
  watchedCount: number;
  toldCount: number;
  lastToldAt: string | null;
}

interface EndpointRow {
  endpoint: Endpoint;
  last: Attempt | undefined;
}

/* --- endpoints --- */

function EndpointDialog({ endpoint, onClose, onDone }: { endpoint: Endpoint | null; onClose: () => void; onDone: () => void }): JSX.Element {
  const [url, setUrl] = useState(endpoint?.url ?? "");
  const [types, setTypes] = useState(endpoint?.eventTypes?.join(", ") ?? "");
  const [description, setDescription] = useState(endpoint?.description ?? "");
  const [isOn, setOn] = useState(!endpoint?.disabled);
  const { isBusy, error, run } = useAct();
  const save = async () => {
    const body: Json = { url: url.trim(), description: description.trim(), filterTypes: listOf(types), disabled: !isOn };
    const isDone = await run(async () => { await (endpoint ? api.put(`${BASE}/endpoint/${part(endpoint.id)}`, { ...body, metadata: endpoint.metadata as Json }) : api.post(`${BASE}/endpoint`, body)); });
    if (!isDone) return;
    toast.say(C.common.saved);
    onClose();
    onDone();
  };
  return (
    <Dialog title={C.operational.edit} onClose={onClose} onSubmit={save}
      footer={<><span class="grow" /><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!url.trim()}>{C.common.save}</Button></>}>
      <Field label={C.operational.url}><Input value={url} onValue={setUrl} mono placeholder="https://" data-first="" /></Field>
      <Field label={C.operational.types} hint={C.operational.typesHint}><Input value={types} onValue={setTypes} mono placeholder="issue.alert, endpoint.disabled" /></Field>
      <Field label={C.common.description}><Input value={description} onValue={setDescription} /></Field>
      <Check sw checked={isOn} onValue={setOn}>{C.operational.enabled}</Check>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

function TestDialog({ endpoint, types, onClose, onDone }: { endpoint: Endpoint; types: readonly EventType[]; onClose: () => void; onDone: () => void }): JSX.Element {
  const wanted = types.filter((type) => !endpoint.eventTypes?.length || endpoint.eventTypes.includes(type.name));
  const [name, setName] = useState(wanted[0]?.name ?? "endpoint.created");
  const { isBusy, error, run } = useAct();
  const send = async () => {
    if (!(await run(async () => { await api.post(`${BASE}/endpoint/${part(endpoint.id)}/send-example`, { eventType: name }); }))) return;
    toast.say(C.operational.testSent);
    onClose();
    onDone();
  };
  return (
    <Dialog title={C.operational.test} onClose={onClose} onSubmit={send}
      footer={<><span class="grow" /><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy}>{C.operational.test}</Button></>}>
      <p>{C.operational.testText}</p>
      <Field label={C.operational.event}><Select value={name} options={wanted.map((type) => [type.name, type.name] as const)} onValue={setName} data-first="" /></Field>
      <p class="hint">{types.find((type) => type.name === name)?.description}</p>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

function Endpoints({ types, onSent }: { types: readonly EventType[]; onSent: () => void }): JSX.Element {
  const loaded = useLoad("operational endpoints", async (signal) => {
    const list = await api.get<List<Endpoint>>(`${BASE}/endpoint`, { limit: 100 }, signal);
    const last = await eachOf(list.data, 3, (one) => api.get<List<Attempt>>(`${BASE}/endpoint/${part(one.id)}/attempt`, { limit: 1, with_content: false }, signal));
    return list.data.map((endpoint, i): EndpointRow => ({ endpoint, last: last[i]?.data[0] }));
  }, { everyMs: 10_000 });
  const [act, open] = useOpen<"edit" | "test" | "remove">();
  const [of, setOf] = useState<Endpoint | null>(null);
  const begin = (what: "edit" | "test" | "remove", endpoint: Endpoint | null) => {
    setOf(endpoint);
    open(what);
  };
  const close = () => open(null);
  const again = () => {
    loaded.reload();
    onSent();
  };
  const columns: Column<EndpointRow>[] = [
    { key: "url", head: C.operational.url, cell: ({ endpoint }) => <><bdi>{endpoint.description || hostOf(endpoint.url)}</bdi><span class="l2 mono trunc"><bdi>{endpoint.url}</bdi></span></> },
    { key: "types", head: C.operational.types, class: "c-lg", cell: ({ endpoint }) => (endpoint.eventTypes?.length ? <span class="row wrap gap-1">{endpoint.eventTypes.slice(0, 3).map((type) => <Tag>{type}</Tag>)}{endpoint.eventTypes.length > 3 && <span class="muted">+{endpoint.eventTypes.length - 3}</span>}</span> : <span class="muted">{C.operational.allTypes}</span>) },
    { key: "state", head: C.operational.state, class: "c-lg", cell: ({ endpoint }) => <Status is={endpoint.disabled ? "disabled" : "enabled"} /> },
    { key: "last", head: C.operational.last, isNum: true, cell: ({ last }) => (last ? <span class="row end gap-1"><Code status={last.responseStatusCode} none={C.common.noAnswer} /><Time at={last.timestamp} /></span> : <span class="muted">{C.operational.never}</span>) },
    { key: "acts", head: <span class="sr">{C.common.more}</span>, isNum: true, class: "c-act", cell: ({ endpoint }) => may("change") && (
      <Menu label={`${C.common.more}: ${hostOf(endpoint.url)}`}>
        <MenuItem icon="send" needs="change" onClick={() => begin("test", endpoint)}>{C.operational.test}</MenuItem>
        <MenuItem icon="gear" needs="change" onClick={() => begin("edit", endpoint)}>{C.common.edit}</MenuItem>
        <hr />
        <MenuItem icon="x" danger needs="change" onClick={() => begin("remove", endpoint)}>{C.common.remove}</MenuItem>
      </Menu>
    ) },
  ];
  const add = may("change") && <Button small icon="plus" onClick={() => begin("edit", null)}>{C.operational.add}</Button>;
  return (
    <Panel inset title={C.operational.endpoints} actions={add}>
      {loaded.error != null && <ErrorPanel error={loaded.error} onRetry={loaded.reload} />}
      {loaded.data?.length === 0 ? <Empty title={C.operational.none}>{C.operational.noneText}</Empty>
        : <Table class="fixed" label={C.operational.endpoints} columns={columns} rows={loaded.data} rowKey={(row) => row.endpoint.id} isSlow={loaded.isSlow} skeletonRows={2} />}
      {act === "edit" && <EndpointDialog endpoint={of} onClose={close} onDone={again} />}
      {act === "test" && of && <TestDialog endpoint={of} types={types} onClose={close} onDone={again} />}
      {act === "remove" && of && (
        <Confirm title={C.operational.removeTitle(hostOf(of.url))} act={C.common.remove} danger onClose={close} onConfirm={async () => { await api.del(`${BASE}/endpoint/${part(of.id)}`); toast.say(C.operational.deleted); again(); }}>
          <p>{C.operational.removeText}</p>
        </Confirm>
      )}
    </Panel>
  );
}

/* --- rules --- */

function RuleDialog({ rule, onClose, onDone }: { rule: Rule | null; onClose: () => void; onDone: () => void }): JSX.Element {
  const [name, setName] = useState(rule?.name ?? "");
  const [kinds, setKinds] = useState<ReadonlySet<string>>(new Set(rule?.kinds ?? []));
  const [after, setAfter] = useState<string>(String(rule?.afterSeconds ?? 300));
  const [isOn, setOn] = useState(rule?.enabled ?? true);
  const { isBusy, error, run } = useAct();
  const spans: readonly (readonly [string, string])[] = C.operational.afterSpans;
  const options = spans.some(([key]) => key === after) ? spans : [[after, duration(Number(after) * 1000)] as const, ...spans];
  const pick = (kind: string, on: boolean) => setKinds(new Set(on ? [...kinds, kind] : [...kinds].filter((one) => one !== kind)));
  const save = async () => {
    const body: Json = { name: name.trim(), kinds: kinds.size ? [...kinds] : null, afterSeconds: Number(after), enabled: isOn };
    if (!(await run(async () => { await (rule ? api.put(`${RULES}/${part(rule.id)}`, body) : api.post(RULES, body)); }))) return;
    toast.say(C.common.saved);
    onClose();
    onDone();
  };
  return (
    <Dialog title={C.operational.editRule} onClose={onClose} onSubmit={save}
      footer={<><span class="grow" /><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!name.trim()}>{C.common.save}</Button></>}>
      <Field label={C.common.name}><Input value={name} onValue={setName} maxLength={100} data-first="" /></Field>
      <fieldset class="bare"><legend>{C.operational.kinds} <span class="muted">({kinds.size ? kinds.size : C.operational.allKinds})</span></legend>
        <div class="checks">{Object.entries(C.operational.kindNames).map(([kind, words]) => <Check checked={kinds.has(kind)} onValue={(on) => pick(kind, on)}>{words}</Check>)}</div>
      </fieldset>
      <Field label={C.operational.after}><Select value={after} options={options} onValue={setAfter} /></Field>
      <Check sw checked={isOn} onValue={setOn}>{C.operational.enabled}</Check>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

function Rules(): JSX.Element {
  const loaded = useLoad("alert rules", (signal) => api.get<{ data: Rule[] }>(RULES, undefined, signal), { everyMs: 10_000 });
  const [act, open] = useOpen<"edit" | "remove">();
  const [of, setOf] = useState<Rule | null>(null);
  const begin = (what: "edit" | "remove", rule: Rule | null) => {
    setOf(rule);
    open(what);
  };
  const rows = loaded.data?.data;
  const columns: Column<Rule>[] = [
    { key: "name", head: C.common.name, cell: (rule) => <><bdi>{rule.name}</bdi><span class="l2">{rule.kinds ? rule.kinds.map((kind) => C.operational.kindNames[kind] ?? kind).join(", ") : C.operational.allKinds}</span></> },
    { key: "after", head: C.operational.after, isNum: true, cell: (rule) => (rule.enabled ? rule.afterSeconds ? duration(rule.afterSeconds * 1000) : C.operational.afterSpans[0][1] : <span class="muted">{C.operational.off}</span>) },
    { key: "watches", head: C.operational.watching, class: "c-lg", cell: (rule) => (rule.watchedCount ? C.operational.watched(rule.watchedCount, rule.toldCount) : <span class="muted">{C.operational.nothingWatched}</span>) },
    { key: "told", head: C.operational.lastTold, isNum: true, class: "c-lg", cell: (rule) => <Time at={rule.lastToldAt} /> },
    { key: "acts", head: <span class="sr">{C.common.more}</span>, isNum: true, class: "c-act", cell: (rule) => may("change") && (
      <Menu label={`${C.common.more}: ${rule.name}`}>
        <MenuItem icon="gear" needs="change" onClick={() => begin("edit", rule)}>{C.common.edit}</MenuItem>
        <hr />
        <MenuItem icon="x" danger needs="change" onClick={() => begin("remove", rule)}>{C.common.remove}</MenuItem>
      </Menu>
    ) },
  ];
  return (
    <Panel inset title={C.operational.rules} actions={may("change") && <Button small icon="plus" onClick={() => begin("edit", null)}>{C.operational.addRule}</Button>} footer={C.operational.rulesText}>
      {loaded.error != null && <ErrorPanel error={loaded.error} onRetry={loaded.reload} />}
      {rows?.length === 0 ? <Empty title={C.operational.noRule}>{C.operational.noRuleText}</Empty>
        : <Table class="fixed" label={C.operational.rules} columns={columns} rows={rows} rowKey={(rule) => rule.id} isSlow={loaded.isSlow} skeletonRows={2} />}
      {act === "edit" && <RuleDialog rule={of} onClose={() => open(null)} onDone={loaded.reload} />}
      {act === "remove" && of && (
        <Confirm title={C.operational.removeRuleTitle(of.name)} act={C.common.remove} danger onClose={() => open(null)} onConfirm={async () => { await api.del(`${RULES}/${part(of.id)}`); toast.say(C.operational.deleted); loaded.reload(); }}>
          <p>{C.operational.removeRuleText}</p>
        </Confirm>
      )}
    </Panel>
  );
}

/* --- what was sent --- */

const SENT: readonly Column<Message>[] = [
  { key: "type", head: C.operational.event, cell: (message) => <><code>{message.eventType}</code><span class="l2"><Id value={message.id} /></span></> },
  { key: "at", head: C.operational.at, isNum: true, cell: (message) => <Time at={message.timestamp} /> },
];
const SENT_SHOWN = 10;

function Sent({ loaded }: { loaded: Loaded<List<Message>> }): JSX.Element {
  const rows = loaded.data?.data.slice(0, SENT_SHOWN);
  return (
    <Panel inset title={C.operational.sent}>
      {loaded.error != null && <ErrorPanel error={loaded.error} onRetry={loaded.reload} />}
      {rows?.length === 0 ? <Empty art="line" title={C.operational.noneSent}>{C.operational.noneSentText}</Empty>
        : <Table label={C.operational.sent} columns={SENT} rows={rows} rowKey={(message) => message.id} isSlow={loaded.isSlow} skeletonRows={3} />}
    </Panel>
  );
}

export function OperationalPage(): JSX.Element {
  usePage(C.operational.title);
  const types = useLoad("operational types", (signal) => api.get<{ data: EventType[] }>(`${BASE}/event-type`, undefined, signal));
  const sent = useLoad("operational sent", (signal) => api.get<List<Message>>(`${BASE}/message`, { limit: 100, with_content: false }, signal), { everyMs: 10_000 });
  const lastOf = (name: string) => sent.data?.data.find((message) => message.eventType === name)?.timestamp ?? null;
  const columns: Column<EventType>[] = [
    { key: "name", head: C.operational.event, cell: (type) => <><code class="wrapcode">{type.name}</code><span class="l2">{type.description}</span></> },
    { key: "last", head: C.operational.lastFired, isNum: true, cell: (type) => <Time at={lastOf(type.name)} /> },
  ];
  return (
    <div class="stack">
      <div class="phead"><div class="grow"><h1>{C.operational.title}</h1><p class="soft">{C.operational.sub}</p></div></div>
      <Endpoints types={types.data?.data ?? []} onSent={sent.reload} />
      <Rules />
      <div class="ov ov-2">
        <Panel inset class="clip" title={C.operational.catalogue}>
          {types.error != null && <ErrorPanel error={types.error} onRetry={types.reload} />}
          <Table label={C.operational.catalogue} columns={columns} rows={types.data?.data} rowKey={(type) => type.name} isSlow={types.isSlow} />
        </Panel>
        <Sent loaded={sent} />
      </div>
    </div>
  );
}
