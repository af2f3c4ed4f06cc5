// SPDX-License-Identifier: Apache-2.0
// Tokens: who may come in, what they may, who uses them from where, and how to replace and end them.
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Confirm, Copy, Dialog, Empty, ErrorPanel, Facts, Field, Input, Link, now, pageIterator, Pager, part, query, Select, setQuery, Table, Tabs, Tag, Time, toast, useAct, useLoad, type Column, type List } from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_people";
import { Shown } from "../common";
import { session, who } from "../session";
import { usePage } from "../shell";

export interface Token {
  id: string;
  name: string;
  role: string | null;
  readOnly: boolean;
  applicationId: string | null;
  createdAt: string;
  expiresAt: string | null;
  lastUsedAt: string | null;
  madeBy: { kind: string; id: string; name: string } | null;
}

interface Use {
  address: string;
  firstUsedAt: string;
  lastUsedAt: string;
}

export function isOwner(): boolean {
  return who.value?.role === "owner";
}

export function mayChange(): boolean {
  return isOwner() && !who.value?.readOnly;
}

/** What all tabs begin with; whoever may not see them is told so. */
export function AccessPage({ at, act, children }: { at: "tokens" | "users" | "sessions" | "tenants"; act?: ComponentChildren; children: ComponentChildren }): JSX.Element {
  usePage(C.access[at]);
  const tabs = [
    { key: "tokens", label: C.access.tokens, to: "/access" }, { key: "users", label: C.access.users, to: "/access/users" }, { key: "sessions", label: C.access.sessions, to: "/access/sessions" },
    ...(session.value?.isOperator ? [{ key: "tenants", label: C.access.tenants, to: "/access/tenants" }] : []),
  ];
  return (
    <>
      <div class="phead"><h1 class="grow">{C.access.title}<span class="h-sub">{C.access.sub}</span></h1>{mayChange() && act}</div>
      {isOwner() ? <><Tabs label={C.access.tabs} at={at} tabs={tabs} /><div class="mt">{children}</div></> : <div class="panel"><Empty art="line" title={C.access.notYours}>{C.access.notYoursText}</Empty></div>}
    </>
  );
}

/** A secret that is shown this once. */
export function ShownOnce({ label, text, hint }: { label: string; text: string; hint: string }): JSX.Element {
  return <><div class="field"><span>{label}</span><span class="secret"><code class="is-shown">{text}</code><Copy text={text} /></span></div><p>{hint}</p></>;
}

const HOUR_MS = 3_600_000;

/** When something was used, which is known to the hour. */
export function LastUsed({ at }: { at: string | null }): JSX.Element {
  if (!at) return <span class="muted">{C.access.never}</span>;
  return now.value - new Date(at).getTime() < HOUR_MS ? <>{C.access.thisHour}</> : <Time at={at} seconds={false} />;
}

export function tokenColumns(acts: ((token: Token) => ComponentChildren) | null): Column<Token>[] {
  return [
    { key: "name", head: C.access.name, cell: (token) => <><b class="normalweight"><bdi>{token.name}</bdi></b><span class="l2 mono">{token.id}</span></> },
    { key: "role", head: C.access.role, cell: (token) => <><Tag mono={false}>{token.role ?? C.tokens.bound}</Tag>{token.readOnly && <span class="l2">{C.access.readOnly}</span>}</> },
    { key: "used", head: C.access.lastUsed, class: "c-lg", cell: (token) => <LastUsed at={token.lastUsedAt} /> },
    { key: "by", head: C.tokens.madeBy, class: "c-wide", cell: (token) => <bdi class="trunc">{token.madeBy?.name || token.madeBy?.id || C.common.unknown}</bdi> },
    { key: "ends", head: C.tokens.ends, class: "c-lg", cell: (token) => (token.expiresAt ? <Time at={token.expiresAt} /> : <span class="muted">{C.tokens.untilRevoked}</span>) },
    ...(acts ? [{ key: "act", head: <span class="sr">{C.common.more}</span>, isNum: true, class: "c-acts", cell: acts }] : []),
  ];
}

/** Makes a token at `path` and shows it once. */
export function NewToken({ path, title, text, first = "", onClose, onDone }: { path: string; title: string; text?: string; first?: string; onClose: () => void; onDone: () => void }): JSX.Element {
  const [name, setName] = useState(first);
  const [role, setRole] = useState<string>(first ? "owner" : "operator");
  const [expiry, setExpiry] = useState<string>("");
  const [made, setMade] = useState<string | null>(null);
  const { isBusy, error, run } = useAct();
  const create = () => void run(async () => {
    setMade((await api.post<{ token: string }>(path, { name: name.trim(), role, ...(expiry ? { expiry: Number(expiry) } : {}) })).token);
    onDone();
  });
  return (
    <Dialog title={title} onClose={onClose} isModal={!!made} onSubmit={made ? onClose : create}
      footer={made ? <Button kind="primary" type="submit">{W.dialog.close}</Button> : <><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!name.trim()}>{C.common.create}</Button></>}>
      {made ? <ShownOnce label={C.tokens.made} text={made} hint={C.tokens.madeText} /> : (
        <>
          {text && <p>{text}</p>}
          <Field label={C.access.name} hint={C.tokens.nameHint}><Input value={name} onValue={setName} data-first="" /></Field>
          <Field label={C.access.role}><Select value={role} options={C.tokens.roles} onValue={setRole} /></Field>
          <Field label={C.tokens.expiry}><Select value={expiry} options={C.tokens.expiries} onValue={setExpiry} /></Field>
        </>
      )}
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

const USES: Column<Use>[] = [
  { key: "address", head: C.tokens.address, cell: (use) => <span class="mono">{use.address}</span> },
  { key: "first", head: C.tokens.first, cell: (use) => <Time at={use.firstUsedAt} seconds={false} /> },
  { key: "last", head: C.tokens.last, isNum: true, cell: (use) => <Time at={use.lastUsedAt} seconds={false} /> },
];

function Uses({ token }: { token: Token }): JSX.Element {
  const uses = useLoad(`uses ${token.id}`, (signal) => api.get<List<Use>>(`/api/v1/token/${part(token.id)}/use`, undefined, signal));
  return (
    <Shown loaded={uses}>{({ data }) => (data.length === 0 ? <p class="muted">{C.tokens.noUse}</p>
      : <><Table dense label={C.tokens.uses} columns={USES} rows={data} rowKey={(use) => use.address} /><p class="hint mt-2">{C.tokens.usesText}</p></>)}
    </Shown>
  );
}

/** The sessions that were opened with it, and their end. */
function SessionsOf({ token }: { token: Token }): JSX.Element | null {
  const list = useLoad(`sessions of token ${token.id}`, (signal) => api.get<List<{ id: string }>>("/api/v1/session", { token_id: token.id, limit: 100 }, signal));
  const { isBusy, error, run } = useAct();
  const n = list.data?.data.length ?? 0;
  const end = () => void run(async () => {
    const { ended } = await api.post<{ ended: number }>("/api/v1/session/end", { tokenId: token.id });
    toast.say(C.tokens.ended(ended));
    list.reload();
  });
  if (n === 0) return null;
  return <><p class="row mt-2"><span class="grow">{C.tokens.sessions(n)}</span>{mayChange() && <Button small busy={isBusy} onClick={end}>{C.tokens.endSessions}</Button>}</p>{error != null && <ErrorPanel error={error} />}</>;
}

function TokenDialog({ token, onRevoke, onClose }: { token: Token; onRevoke: () => void; onClose: () => void }): JSX.Element {
  const by = token.madeBy?.name || token.madeBy?.id || C.common.unknown;
  return (
    <Dialog wide title={<bdi>{token.name}</bdi>} onClose={onClose} footer={<>{mayChange() && <Button kind="danger" onClick={onRevoke}>{C.tokens.revoke}</Button>}<span class="grow" /><Button kind="primary" data-first="" onClick={onClose}>{W.dialog.close}</Button></>}>
      <Facts rows={[
        [C.access.role, token.role ?? C.tokens.bound],
        token.applicationId ? [C.tokens.application, <Link to={`/apps/${part(token.applicationId)}`}>{token.applicationId}</Link>] : null,
        [C.tokens.madeBy, <bdi>{by}</bdi>],
        [C.common.created, <Time at={token.createdAt} />],
        [C.tokens.ends, token.expiresAt ? <Time at={token.expiresAt} /> : C.tokens.untilRevoked],
      ]} />
      <h3 class="mt">{C.tokens.uses}</h3>
      <Uses token={token} />
      <SessionsOf token={token} />
    </Dialog>
  );
}

function Replace({ token, onClose, onDone }: { token: Token; onClose: () => void; onDone: () => void }): JSX.Element {
  const [overlap, setOverlap] = useState<string>("86400");
  const [made, setMade] = useState<string | null>(null);
  const { isBusy, error, run } = useAct();
  const replace = () => void run(async () => {
    setMade((await api.post<{ token: string }>(`/api/v1/token/${part(token.id)}/rotate`, { overlap: Number(overlap) })).token);
    onDone();
  });
  return (
    <Dialog wide title={C.tokens.replaceTitle(token.name)} onClose={onClose} isModal={!!made} onSubmit={made ? onClose : replace}
      footer={made ? <Button kind="primary" type="submit">{W.dialog.close}</Button> : <><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy}>{C.tokens.replace}</Button></>}>
      {made ? <ShownOnce label={C.tokens.replaced} text={made} hint={C.tokens.madeText} /> : (
        <>
          <p>{C.tokens.replaceText}</p>
          <Field label={C.tokens.overlap}><Select value={overlap} options={C.tokens.overlaps} onValue={setOverlap} data-first="" /></Field>
          <h3 class="mt">{C.tokens.uses}</h3>
          <Uses token={token} />
        </>
      )}
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

export function Revoke({ token, path, onClose, onDone }: { token: Token; path: string; onClose: () => void; onDone: () => void }): JSX.Element {
  const revoke = async () => {
    await api.del(`${path}/${part(token.id)}`);
    toast.say(C.tokens.revoked(token.name));
    onDone();
  };
  return <Confirm title={C.tokens.revokeTitle(token.name)} act={C.tokens.revoke} typed={token.name} danger onClose={onClose} onConfirm={revoke}><p>{C.tokens.revokeText}</p></Confirm>;
}

type Open = { kind: "new" } | { kind: "replace" | "revoke"; token: Token };

export function Access(): JSX.Element {
  const iterator = pageIterator();
  const list = useLoad(`tokens ${iterator}`, (signal) => api.get<List<Token>>("/api/v1/token", { limit: 100, iterator }, signal), { isOff: !isOwner() });
  const [open, setOpen] = useState<Open | null>(null);
  const rows = list.data?.data;
  const shown = rows?.find((token) => token.id === query.value.get("token"));
  const close = () => setOpen(null);
  const acts = (token: Token) => (
    <span class="row endcell"><Button small kind="quiet" onClick={() => setOpen({ kind: "replace", token })}>{C.tokens.replace}</Button><Button small kind="quiet" class="c-lg" onClick={() => setOpen({ kind: "revoke", token })}>{C.tokens.revoke}</Button></span>
  );
  return (
    <AccessPage at="tokens" act={<Button kind="primary" icon="plus" onClick={() => setOpen({ kind: "new" })}>{C.tokens.new}</Button>}>
      {list.error != null && <ErrorPanel error={list.error} onRetry={list.reload} />}
      {rows?.length === 0 && !iterator ? <div class="panel"><Empty title={C.tokens.none}>{C.tokens.noneText}</Empty></div>
        : <div class="panel flush inset clipx"><Table label={C.access.tokens} columns={tokenColumns(mayChange() ? acts : null)} rows={rows} rowKey={(token) => token.id} onPick={(token) => setQuery({ token: token.id })} isSlow={list.isSlow} /></div>}
      <Pager list={list.data} words={rows?.length ? C.tokens.shown(rows.length) : undefined} />
      {open?.kind === "new" && <NewToken path="/api/v1/token" title={C.tokens.new} onClose={close} onDone={list.reload} />}
      {open?.kind === "replace" && <Replace token={open.token} onClose={close} onDone={list.reload} />}
      {open?.kind === "revoke" && <Revoke token={open.token} path="/api/v1/token" onClose={close} onDone={list.reload} />}
      {shown && <TokenDialog token={shown} onRevoke={() => { setQuery({ token: null }); setOpen({ kind: "revoke", token: shown }); }} onClose={() => setQuery({ token: null })} />}
    </AccessPage>
  );
}
