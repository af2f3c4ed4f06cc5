// SPDX-License-Identifier: Apache-2.0
// CKAN: how the site is set and whether it answers, the webhooks of its users, and an event by hand.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Dialog, duration, ErrorPanel, Facts, Field, Input, isJson, Panel, part, Status, TextArea, toast, useAct, useLoad } from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_integrations";
import { eachOf, endpointPath, Shown } from "../common";
import { RegisteredPage, type Details, type Kind, type Registered } from "./registered";

const APP = "ckan";

interface CkanWebhook extends Registered {
  topic: string;
  address: string;
  entity: string | null;
  user: string;
  sysadmin: boolean;
  site: string | null;
  deletedAfter: string | null;
}

/** Users by the site's name for them; those it does not tell stay ids. */
function useUserNames(rows: readonly CkanWebhook[]): (id: string) => string {
  const ids = [...new Set(rows.map((row) => row.user))].sort();
  const loaded = useLoad(`ckan users ${ids.join()}`, async (signal) => {
    const found = await eachOf(ids, 3, (id) => api.get<{ name: string }>(`/api/v1/ckan/user/${part(id)}`, undefined, signal));
    return new Map(ids.map((id, i) => [id, found[i]?.name]));
  }, { isOff: ids.length === 0 });
  return (id) => loaded.data?.get(id) || id;
}

function UserCell({ row, nameOf }: { row: CkanWebhook; nameOf: (id: string) => string }): JSX.Element {
  return <><bdi class="trunc block">{nameOf(row.user)}</bdi>{row.sysadmin && <span class="l2">{C.ckan.sysadmin}</span>}</>;
}

function useDetails(rows: readonly CkanWebhook[]): Details<CkanWebhook> {
  const nameOf = useUserNames(rows);
  return {
    columns: [
      { key: "entity", head: C.ckan.entity, class: "c-wide", cell: (row) => <bdi class="trunc block">{row.entity ?? C.others.any}</bdi> },
      { key: "user", head: C.ckan.user, class: "c-lg", cell: (row) => <UserCell row={row} nameOf={nameOf} /> },
    ],
    facts: (row) => [
      [C.others.address, <bdi class="mono">{row.address}</bdi>],
      [C.ckan.entity, <bdi>{row.entity ?? C.others.any}</bdi>],
      [C.ckan.user, <UserCell row={row} nameOf={nameOf} />],
      [C.ckan.site, row.site && <bdi class="mono">{row.site}</bdi>],
      [C.others.id, row.id && <bdi class="mono">{row.id}</bdi>],
    ],
  };
}

const KIND: Kind<CkanWebhook> = {
  title: C.ckan.title, sub: C.ckan.sub, none: C.ckan.none, path: "/api/v1/ckan/webhook", app: () => APP, name: (row) => row.topic, second: (row) => row.address, hasSecret: true, useDetails,
  filters: [{ name: "topic", label: C.ckan.topic, placeholder: "dataset/create" }, { name: "user", label: C.ckan.user, placeholder: C.ckan.userHint }],
  end: { act: C.common.remove, text: C.ckan.removeText, run: (row) => api.del(endpointPath(APP, row.endpointId)) },
};

interface Site {
  enabled: boolean;
  siteUrl: string | null;
  minimumAuth: string | null;
  hasToken: boolean;
  staleDeleteSeconds: number | null;
}

interface Tried {
  reached: boolean;
  accepted: boolean;
  status: number | null;
  user: string | null;
  sysadmin: boolean;
  detail: string | null;
  tookMs: number;
}

function TriedState({ tried }: { tried: Tried }): JSX.Element {
  const words = tried.accepted ? (tried.sysadmin ? C.ckan.isSysadmin(tried.user ?? "") : C.ckan.isOnly(tried.user ?? "")) : tried.reached ? C.ckan.refused(tried.status ?? 0) : tried.detail ?? C.ckan.unreached;
  return <div class="row wrap"><Status is={tried.accepted ? tried.sysadmin ? "accepted" : "attention" : "failed"}>{tried.accepted ? C.ckan.answers(duration(tried.tookMs)) : C.ckan.fails}</Status><span class="soft"><bdi>{words}</bdi></span></div>;
}

function SitePanel(): JSX.Element {
  const loaded = useLoad("ckan site", (signal) => api.get<Site>("/api/v1/ckan/site", undefined, signal));
  const [tried, setTried] = useState<Tried | null>(null);
  const { isBusy, error, run } = useAct();
  const site = loaded.data;
  return (
    <Panel class="mb" title={C.ckan.site} actions={site?.enabled && <Button needs="change" small busy={isBusy} onClick={() => void run(async () => setTried(await api.post<Tried>("/api/v1/ckan/site/test")))}>{C.ckan.test}</Button>}>
      <div class="body">
        <Shown loaded={loaded}>
          {(data) => !data.enabled ? <p class="soft">{C.ckan.off}</p> : (
            <Facts rows={[
              [C.others.address, <bdi class="mono">{data.siteUrl}</bdi>],
              [C.ckan.minimum, C.ckan.minimums[data.minimumAuth ?? ""] ?? data.minimumAuth],
              [C.ckan.token, data.hasToken ? C.ckan.tokenSet : C.ckan.tokenNone],
              [C.ckan.stale, data.staleDeleteSeconds ? C.ckan.staleAfter(duration(data.staleDeleteSeconds * 1000)) : null],
            ]} />
          )}
        </Shown>
        <div role="status">{tried && <div class="mt"><TriedState tried={tried} /></div>}</div>
        {error != null && <ErrorPanel error={error} />}
      </div>
    </Panel>
  );
}

/** What the site's plugin would send. */
function SendEvent({ onClose }: { onClose: () => void }): JSX.Element {
  const [topic, setTopic] = useState("dataset/update");
  const [entity, setEntity] = useState('{\n  "id": "",\n  "name": "",\n  "private": false\n}');
  const [id, setId] = useState("");
  const { isBusy, error, run } = useAct();
  const problem = isJson(entity) ? null : C.ckan.notJson;
  const send = async () => {
    const members = [`"topic":${JSON.stringify(topic.trim())}`, `"entity":${entity}`, ...(id.trim() ? [`"id":${JSON.stringify(id.trim())}`] : [])];
    if (!(await run(() => api.post<void>("/api/3/action/webhook_event", undefined, { text: `{${members.join()}}` })))) return;
    toast.say(C.ckan.sent(topic.trim()));
    onClose();
  };
  return (
    <Dialog wide title={C.ckan.send} onClose={onClose} onSubmit={send} footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" icon="send" busy={isBusy} disabled={!!problem || !topic.trim()}>{C.ckan.send}</Button></>}>
      <p>{C.ckan.sendText}</p>
      <Field label={C.ckan.topic}><Input mono value={topic} onValue={setTopic} list="ckan-topics" data-first="" /></Field>
      <datalist id="ckan-topics">{C.ckan.topics.map((one) => <option value={one} />)}</datalist>
      <Field label={C.ckan.entityJson} hint={C.ckan.entityHint} error={problem}><TextArea mono rows={8} value={entity} bad={!!problem} onValue={setEntity} /></Field>
      <Field label={C.ckan.eventId} hint={C.ckan.eventIdHint}><Input mono value={id} onValue={setId} /></Field>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

export function Ckan(): JSX.Element {
  const [isSending, setSending] = useState(false);
  return (
    <>
      <RegisteredPage kind={KIND} above={<SitePanel />} head={() => <Button needs="change" icon="send" onClick={() => setSending(true)}>{C.ckan.send}</Button>} />
      {isSending && <SendEvent onClose={() => setSending(false)} />}
    </>
  );
}
