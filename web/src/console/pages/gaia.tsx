// SPDX-License-Identifier: Apache-2.0
// Gaia: the webhooks of all tenants. A webhook's URL is its tenant's credential, so it is shown on asking only.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Dialog, ErrorPanel, Field, Input, isJson, part, Secret, Status, TextArea, toast, useAct, useLoad } from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_integrations";
import { eachOf, endpointPath } from "../common";
import type { Health } from "../types";
import { RegisteredPage, type Details, type Kind, type Registered } from "./registered";

const PATH = "/api/v1/gaia/webhook";

interface Webhook extends Registered {
  tenant: number;
  datasource: string;
  event: string;
  tsField: string | null;
  host: string | null;
  routingKey: string | null;
  applicationId: string;
}

async function urlOf(row: Webhook): Promise<string> {
  return (await api.get<{ url: string }>(`${PATH}/${part(row.applicationId)}/url`)).url;
}

const HEALTHS_AT_MOST = 50;

/** How the broker takes what is published, by endpoint. */
function useBroker(rows: readonly Webhook[]): ReadonlyMap<string, Health | undefined> {
  const some = rows.slice(0, HEALTHS_AT_MOST);
  const loaded = useLoad(`gaia health ${some.map((one) => one.endpointId).join()}`, async (signal) => {
    const found = await eachOf(some, 3, (one) => api.get<Health>(`${endpointPath(one.applicationId, one.endpointId)}/health`, undefined, signal));
    return new Map(some.map((one, i) => [one.endpointId, found[i]]));
  }, { isOff: some.length === 0, everyMs: 15_000 });
  return loaded.data ?? new Map();
}

function Broker({ health }: { health: Health | undefined }): JSX.Element {
  if (!health) return <span class="muted">–</span>;
  return <><Status is={health.status === "failing" ? "failing" : "answering"}>{health.status === "failing" ? C.gaia.brokerDown : C.gaia.brokerUp}</Status>{health.pendingCount > 0 && <span class="l2">{C.gaia.waiting(health.pendingCount)}</span>}</>;
}

/** Sends an event to the webhook's own URL, as its tenant would. */
function TestPush({ row }: { row: Webhook }): JSX.Element {
  const [body, setBody] = useState('{"test": true}');
  const [isSent, setSent] = useState(false);
  const { isBusy, error, run } = useAct();
  const problem = isJson(body) ? null : C.gaia.notJson;
  const push = () => void run(async () => {
    setSent(false);
    const url = await urlOf(row);
    await api.post<void>(url.replace(/^https?:\/\/[^/]+/, ""), undefined, { text: body });
    setSent(true);
  });
  return (
    <div class="stack" role="status">
      <Field label={C.gaia.testBody} error={problem}><TextArea mono rows={2} value={body} bad={!!problem} onValue={setBody} /></Field>
      <div class="row wrap"><Button needs="change" icon="send" busy={isBusy} disabled={!!problem} onClick={push}>{C.gaia.test}</Button>{isSent && <Status is="accepted">{C.gaia.pushed}</Status>}</div>
      {error != null && <ErrorPanel error={error} />}
    </div>
  );
}

function WebhookDialog({ row, onClose, onDone }: { row?: Webhook; onClose: () => void; onDone: () => void }): JSX.Element {
  const [tenant, setTenant] = useState(row ? String(row.tenant) : "");
  const [datasource, setDatasource] = useState(row?.datasource ?? "");
  const [event, setEvent] = useState(row?.event ?? "");
  const [tsField, setTsField] = useState(row?.tsField ?? "");
  const [host, setHost] = useState(row?.host ?? "");
  const [token, setToken] = useState("");
  const { isBusy, error, run } = useAct();
  const isReady = /^-?\d+$/.test(tenant.trim()) && datasource.trim() && event.trim() && (row || token.trim());
  const save = async () => {
    const body = { tenant: Number(tenant), datasource: datasource.trim(), event: event.trim(), tsField: tsField.trim(), ...(host.trim() ? { host: host.trim() } : {}), ...(token.trim() ? { apiToken: token.trim() } : {}) };
    if (!(await run(() => api.post<void>(PATH, body)))) return;
    toast.say(C.common.saved);
    onDone();
    onClose();
  };
  return (
    <Dialog title={row ? C.gaia.edit : C.gaia.new} onClose={onClose} onSubmit={save} footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!isReady}>{C.common.save}</Button></>}>
      {!row && <p>{C.gaia.newText}</p>}
      <div class="two">
        <Field label={C.gaia.tenant}><Input inputmode="numeric" value={tenant} onValue={setTenant} disabled={!!row} data-first={row ? undefined : ""} /></Field>
        <Field label={C.gaia.datasource}><Input value={datasource} onValue={setDatasource} disabled={!!row} /></Field>
      </div>
      <Field label={C.gaia.event}><Input value={event} onValue={setEvent} disabled={!!row} /></Field>
      <Field label={C.gaia.tsField} hint={C.gaia.tsFieldHint}><Input mono value={tsField} onValue={setTsField} data-first={row ? "" : undefined} /></Field>
      <Field label={C.gaia.host} hint={C.gaia.hostHint}><Input mono value={host} onValue={setHost} /></Field>
      <Field label={C.gaia.token} hint={row ? C.gaia.tokenKeep : C.gaia.tokenHint}><Input type="password" mono value={token} onValue={setToken} autocomplete="off" /></Field>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

function Acts({ row, reload }: { row: Webhook; reload: () => void }): JSX.Element {
  const [isEditing, setEditing] = useState(false);
  return (
    <>
      <div class="field"><span>{C.gaia.url}</span><Secret needs="secrets" label={C.gaia.url} load={() => urlOf(row)} /></div>
      <TestPush row={row} />
      <div><Button needs="change" onClick={() => setEditing(true)}>{C.gaia.edit}</Button></div>
      {isEditing && <WebhookDialog row={row} onClose={() => setEditing(false)} onDone={reload} />}
    </>
  );
}

function useDetails(rows: readonly Webhook[]): Details<Webhook> {
  const broker = useBroker(rows);
  return {
    columns: [
      { key: "tenant", head: C.gaia.tenant, isNum: true, cell: (row) => row.tenant },
      { key: "key", head: C.gaia.routingKey, class: "c-wide", cell: (row) => <bdi class="mono trunc block">{row.routingKey}</bdi> },
      { key: "broker", head: C.gaia.broker, class: "c-lg c-state", cell: (row) => <Broker health={broker.get(row.endpointId)} /> },
    ],
    facts: (row) => [
      [C.gaia.tenant, String(row.tenant)],
      [C.gaia.datasource, <bdi>{row.datasource}</bdi>],
      [C.gaia.tsField, <bdi class="mono">{row.tsField ?? C.common.none}</bdi>],
      [C.gaia.routingKey, row.routingKey && <bdi class="mono">{row.routingKey}</bdi>],
      [C.gaia.host, row.host && <bdi class="mono">{row.host}</bdi>],
      [C.gaia.broker, <Broker health={broker.get(row.endpointId)} />],
    ],
  };
}

const KIND: Kind<Webhook> = {
  title: C.gaia.title, sub: C.gaia.sub, none: C.gaia.none, path: PATH, app: (row) => row.applicationId, name: (row) => row.event, second: (row) => row.datasource, useDetails,
  filters: [{ name: "tenant", label: C.gaia.tenant, placeholder: "7" }],
  acts: (row, reload) => <Acts row={row} reload={reload} />,
  end: { act: C.common.remove, text: C.gaia.removeText, run: (row) => api.del(`${PATH}/${part(row.applicationId)}`) },
};

export function Gaia(): JSX.Element {
  const [isNew, setNew] = useState(false);
  return (
    <RegisteredPage kind={KIND} head={(list) => (
      <>
        <Button needs="change" kind="primary" icon="plus" onClick={() => setNew(true)}>{C.gaia.new}</Button>
        {isNew && <WebhookDialog onClose={() => setNew(false)} onDone={list.reload} />}
      </>
    )} />
  );
}
