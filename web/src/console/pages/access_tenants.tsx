// SPDX-License-Identifier: Apache-2.0
// Tenants of this server, for whoever runs it: organisations that see nothing of each other.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Dialog, Empty, ErrorPanel, Field, Id, Input, pageIterator, Pager, part, Table, Time, toast, useAct, useLoad, type Column, type List } from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_people";
import { session } from "../session";
import { AccessPage, isOwner, mayChange, NewToken, Revoke, tokenColumns, type Token } from "./access";

interface Tenant {
  id: string;
  name: string;
  createdAt: string;
}

function tokensPath(tenant: Tenant): string {
  return `/api/v1/tenant/${part(tenant.id)}/token`;
}

function NewTenant({ onClose, onDone }: { onClose: () => void; onDone: () => void }): JSX.Element {
  const [name, setName] = useState("");
  const { isBusy, error, run } = useAct();
  const create = () => void run(async () => {
    await api.post("/api/v1/tenant", { name: name.trim() });
    toast.say(C.tenants.created(name.trim()));
    onDone();
  }).then((isDone) => isDone && onClose());
  return (
    <Dialog title={C.tenants.new} onClose={onClose} onSubmit={create} footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!name.trim()}>{C.common.create}</Button></>}>
      <p>{C.tenants.text}</p>
      <Field label={C.access.name}><Input value={name} onValue={setName} data-first="" /></Field>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

/** The tokens of a tenant: the first is handed to whoever runs it, and ended here if need be. */
function TokensOf({ tenant, onMake, onClose }: { tenant: Tenant; onMake: () => void; onClose: () => void }): JSX.Element {
  const list = useLoad(`tokens of ${tenant.id}`, (signal) => api.get<List<Token>>(tokensPath(tenant), { limit: 100 }, signal));
  const [going, setGoing] = useState<Token | null>(null);
  const acts = (token: Token) => <Button small kind="quiet" onClick={() => setGoing(token)}>{C.tokens.revoke}</Button>;
  return (
    <Dialog wide title={C.tenants.ofTitle(tenant.name)} onClose={onClose} footer={<>{mayChange() && <Button onClick={onMake}>{C.tenants.token}</Button>}<span class="grow" /><Button kind="primary" data-first="" onClick={onClose}>{W.dialog.close}</Button></>}>
      {list.error != null && <ErrorPanel error={list.error} onRetry={list.reload} />}
      {list.data?.data.length === 0 ? <p class="muted">{C.tokens.none}</p> : <Table dense label={C.access.tokens} columns={tokenColumns(mayChange() ? acts : null)} rows={list.data?.data} rowKey={(token) => token.id} isSlow={list.isSlow} skeletonRows={2} />}
      {going && <Revoke token={going} path={tokensPath(tenant)} onClose={() => setGoing(null)} onDone={list.reload} />}
    </Dialog>
  );
}

const COLUMNS: Column<Tenant>[] = [
  { key: "name", head: C.access.name, cell: (tenant) => <b class="normalweight"><bdi>{tenant.name}</bdi></b> },
  { key: "id", head: C.tenants.id, class: "c-lg", cell: (tenant) => <Id value={tenant.id} /> },
  { key: "made", head: C.common.created, isNum: true, cell: (tenant) => <Time at={tenant.createdAt} seconds={false} /> },
];

type Open = { kind: "new" } | { kind: "tokens" | "make"; tenant: Tenant };

export function AccessTenants(): JSX.Element {
  const iterator = pageIterator();
  const isOff = !isOwner() || !session.value?.isOperator;
  const list = useLoad(`tenants ${iterator}`, (signal) => api.get<List<Tenant>>("/api/v1/tenant", { limit: 100, iterator }, signal), { isOff });
  const [open, setOpen] = useState<Open | null>(null);
  const rows = list.data?.data;
  const close = () => setOpen(null);
  return (
    <AccessPage at="tenants" act={<Button kind="primary" icon="plus" onClick={() => setOpen({ kind: "new" })}>{C.tenants.new}</Button>}>
      {list.error != null && <ErrorPanel error={list.error} onRetry={list.reload} />}
      {rows?.length === 0 && !iterator ? <div class="panel"><Empty title={C.tenants.none}>{C.tenants.text}</Empty></div>
        : <div class="panel flush inset clipx"><Table label={C.access.tenants} columns={COLUMNS} rows={rows} rowKey={(tenant) => tenant.id} onPick={(tenant) => setOpen({ kind: "tokens", tenant })} isSlow={list.isSlow} /></div>}
      <Pager list={list.data} words={rows?.length ? C.tenants.shown(rows.length) : undefined} />
      {open?.kind === "new" && <NewTenant onClose={close} onDone={list.reload} />}
      {open?.kind === "tokens" && <TokensOf tenant={open.tenant} onMake={() => setOpen({ kind: "make", tenant: open.tenant })} onClose={close} />}
      {open?.kind === "make" && <NewToken path={tokensPath(open.tenant)} title={C.tenants.tokenTitle(open.tenant.name)} text={C.tenants.tokenText} first={C.tenants.tokenName} onClose={close} onDone={() => undefined} />}
    </AccessPage>
  );
}
