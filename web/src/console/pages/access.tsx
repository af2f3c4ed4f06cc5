// SPDX-License-Identifier: Apache-2.0
// Tokens: who may come in, what they may, and how to end that.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Confirm, Copy, Dialog, Empty, ErrorPanel, Field, Input, pageIterator, Pager, part, Select, Table, Tag, Time, toast, useAct, useLoad, type Column, type List } from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_server";
import { usePage } from "../shell";

interface Token {
  id: string;
  name: string;
  role: string | null;
  readOnly: boolean;
  applicationId: string | null;
  createdAt: string;
  expiresAt: string | null;
}

function columns(onRevoke: (token: Token) => void): Column<Token>[] {
  return [
    { key: "name", head: C.access.name, cell: (token) => <><b class="normalweight"><bdi>{token.name}</bdi></b><span class="l2 mono">{token.id}</span></> },
    { key: "role", head: C.access.role, cell: (token) => <><Tag mono={false}>{token.role ?? C.access.bound}</Tag>{token.readOnly && <span class="l2">{C.access.readOnly}</span>}</> },
    { key: "ends", head: C.access.expires, class: "c-lg", cell: (token) => (token.expiresAt ? <Time at={token.expiresAt} /> : <span class="muted">{C.access.never}</span>) },
    { key: "made", head: C.common.created, isNum: true, class: "c-lg", cell: (token) => <Time at={token.createdAt} /> },
    { key: "act", head: <span class="sr">{C.access.revoke}</span>, isNum: true, cell: (token) => <Button needs="access" small kind="quiet" onClick={() => onRevoke(token)}>{C.access.revoke}</Button> },
  ];
}

function NewToken({ onClose, onDone }: { onClose: () => void; onDone: () => void }): JSX.Element {
  const [name, setName] = useState("");
  const [role, setRole] = useState<string>("operator");
  const [expiry, setExpiry] = useState<string>("");
  const [made, setMade] = useState<string | null>(null);
  const { isBusy, error, run } = useAct();
  const create = () => void run(async () => {
    setMade((await api.post<{ token: string }>("/api/v1/token", { name: name.trim(), role, ...(expiry ? { expiry: Number(expiry) } : {}) })).token);
    onDone();
  });
  return (
    <Dialog title={C.access.new} onClose={onClose} isModal={!!made} onSubmit={made ? onClose : create}
      footer={made ? <Button kind="primary" type="submit">{W.dialog.close}</Button> : <><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!name.trim()}>{C.common.create}</Button></>}>
      {made ? (
        <><div class="field"><span>{C.access.made}</span><span class="secret"><code class="is-shown">{made}</code><Copy text={made} /></span></div><p>{C.access.madeText}</p></>
      ) : (
        <>
          <Field label={C.access.name} hint={C.access.nameHint}><Input value={name} onValue={setName} data-first="" /></Field>
          <Field label={C.access.role}><Select value={role} options={C.access.roles} onValue={setRole} /></Field>
          <Field label={C.access.expiry}><Select value={expiry} options={C.access.expiries} onValue={setExpiry} /></Field>
        </>
      )}
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

export function Access(): JSX.Element {
  usePage(C.nav.access);
  const iterator = pageIterator();
  const list = useLoad(`tokens ${iterator}`, (signal) => api.get<List<Token>>("/api/v1/token", { limit: 100, iterator }, signal));
  const [isNew, setNew] = useState(false);
  const [going, setGoing] = useState<Token | null>(null);
  const rows = list.data?.data;
  return (
    <>
      <div class="phead"><h1 class="grow">{C.access.title}<span class="h-sub">{C.access.sub}</span></h1><Button needs="access" kind="primary" icon="plus" onClick={() => setNew(true)}>{C.access.new}</Button></div>
      {list.error != null && <ErrorPanel error={list.error} onRetry={list.reload} />}
      {rows?.length === 0 && !iterator ? <div class="panel"><Empty title={C.access.none}>{C.access.noneText}</Empty></div>
        : <div class="panel flush inset clipx"><Table label={C.access.title} columns={columns(setGoing)} rows={rows} rowKey={(token) => token.id} isSlow={list.isSlow} /></div>}
      <Pager list={list.data} words={rows?.length ? C.access.shown(rows.length) : undefined} />
      {isNew && <NewToken onClose={() => setNew(false)} onDone={list.reload} />}
      {going && <Confirm title={C.access.revokeTitle(going.name)} act={C.access.revoke} danger onClose={() => setGoing(null)} onConfirm={async () => { await api.del(`/api/v1/token/${part(going.id)}`); toast.say(C.access.revoked(going.name)); list.reload(); }}><p>{C.access.revokeText}</p></Confirm>}
    </>
  );
}
