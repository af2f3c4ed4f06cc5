// SPDX-License-Identifier: Apache-2.0
// Users: people (and programs of other systems) who log in with a name. What they may, how they prove who they are, and
// the end of both.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Confirm, Dialog, Empty, ErrorPanel, Facts, Field, Input, pageIterator, Pager, part, query, Select, setQuery, Status, Table, Tag, Time, toast, useAct, useLoad, type Column, type List } from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_people";
import { listOf, Shown } from "../common";
import { session, who } from "../session";
import { AccessPage, isOwner, mayChange, ShownOnce } from "./access";
import { EndSession, sessionColumns, type Session } from "./access_sessions";
import { ConfirmFactor, type Factor } from "./second_factor";

export interface User {
  id: string;
  name: string;
  roles: string[];
  consoleRole: string | null;
  disabled: boolean;
  hasPassword: boolean;
  hasSecondFactor: boolean;
  hasSharedSecret: boolean;
  createdAt: string;
  updatedAt: string;
}

const CONSOLE = ["admin", "operator", "viewer"];

function userPath(user: User): string {
  return `/api/v1/user/${part(user.id)}`;
}

/** Names are unique in the organisation, so the one who is signed in is known by it. */
function isOneself(user: User): boolean {
  return !!session.value?.isUser && who.value?.name === user.name;
}

function waysOf(user: User): string {
  const ways = [user.hasPassword && C.users.by.password, user.hasSecondFactor && C.users.by.factor, user.hasSharedSecret && C.users.by.secret].filter(Boolean);
  return ways.length ? ways.join(", ") : C.users.by.none;
}

const COLUMNS: Column<User>[] = [
  { key: "name", head: C.access.name, cell: (user) => <><b class="normalweight"><bdi>{user.name}</bdi></b> {isOneself(user) && <Tag mono={false}>{C.users.you}</Tag>}<span class="l2">{waysOf(user)}</span></> },
  { key: "role", head: C.users.consoleRole, cell: (user) => (user.consoleRole ? <Tag mono={false}>{user.consoleRole}</Tag> : <span class="muted">{C.users.roleNone}</span>) },
  { key: "state", head: C.users.state, class: "c-lg", cell: (user) => (user.disabled ? <Status is="disabled" /> : <span class="muted">{C.users.enabled}</span>) },
  { key: "changed", head: C.common.changed, isNum: true, class: "c-lg", cell: (user) => <Time at={user.updatedAt} seconds={false} /> },
];

interface RolesProps {
  role: string;
  others: string;
  onRole: (role: string) => void;
  onOthers: (others: string) => void;
}

function RoleFields({ role, others, onRole, onOthers }: RolesProps): JSX.Element {
  return (
    <>
      <Field label={C.users.consoleRole}><Select value={role} options={C.users.consoleRoles} onValue={onRole} /></Field>
      <Field label={C.users.otherRoles} hint={C.users.otherRolesHint}><Input value={others} onValue={onOthers} mono /></Field>
    </>
  );
}

function rolesOf(role: string, others: string): string[] {
  return [...(role ? [role] : []), ...(listOf(others) ?? [])];
}

function NewUser({ onClose, onDone }: { onClose: () => void; onDone: () => void }): JSX.Element {
  const [name, setName] = useState("");
  const [role, setRole] = useState<string>("operator");
  const [others, setOthers] = useState("");
  const [password, setPassword] = useState("");
  const { isBusy, error, run } = useAct();
  const create = () => void run(async () => {
    await api.post("/api/v1/user", { name: name.trim(), roles: rolesOf(role, others), ...(password ? { password } : {}) });
    toast.say(C.users.created(name.trim()));
    onDone();
  }).then((isDone) => isDone && onClose());
  return (
    <Dialog title={C.users.new} onClose={onClose} onSubmit={create} footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!name.trim()}>{C.common.create}</Button></>}>
      <Field label={C.access.name} hint={C.users.nameHint}><Input value={name} onValue={setName} data-first="" /></Field>
      <RoleFields role={role} others={others} onRole={setRole} onOthers={setOthers} />
      <Field label={C.users.password} hint={C.users.passwordLater}><Input type="password" value={password} onValue={setPassword} autocomplete="new-password" /></Field>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

interface ActProps {
  user: User;
  onClose: () => void;
  onDone: () => void;
}

function ChangeRoles({ user, onClose, onDone }: ActProps): JSX.Element {
  const [role, setRole] = useState<string>(user.roles.find((one) => CONSOLE.includes(one)) ?? "");
  const [others, setOthers] = useState(user.roles.filter((one) => !CONSOLE.includes(one)).join(", "));
  const { isBusy, error, run } = useAct();
  const save = () => void run(async () => {
    await api.patch(userPath(user), { roles: rolesOf(role, others) });
    toast.say(C.users.changed(user.name));
    onDone();
  }).then((isDone) => isDone && onClose());
  return (
    <Dialog title={C.users.roles} onClose={onClose} onSubmit={save} footer={<><span class="grow hint">{C.users.endsSessions}</span><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy}>{C.common.save}</Button></>}>
      <RoleFields role={role} others={others} onRole={setRole} onOthers={setOthers} />
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

function SetPassword({ user, onClose, onDone }: ActProps): JSX.Element {
  const [password, setPassword] = useState("");
  const { isBusy, error, run } = useAct();
  const save = () => void run(async () => {
    await api.post(`${userPath(user)}/password`, { password });
    toast.say(C.users.passwordSet(user.name));
    onDone();
  }).then((isDone) => isDone && onClose());
  return (
    <Dialog title={C.users.setPassword} onClose={onClose} onSubmit={save} footer={<><span class="grow hint">{C.users.endsSessions}</span><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!password}>{C.users.setPassword}</Button></>}>
      <Field label={C.users.newPassword} hint={C.users.passwordHint}><Input type="password" value={password} onValue={setPassword} autocomplete="new-password" data-first="" /></Field>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

function SessionsOf({ user }: { user: User }): JSX.Element {
  const list = useLoad(`sessions of user ${user.id} ${user.updatedAt}`, (signal) => api.get<List<Session>>("/api/v1/session", { user_id: user.id, limit: 100 }, signal));
  const [going, setGoing] = useState<Session | null>(null);
  return (
    <>
      <Shown loaded={list}>{({ data }) => (data.length === 0 ? <p class="muted">{C.users.sessionsNone}</p>
        : <Table dense label={C.access.sessions} columns={sessionColumns(mayChange() ? setGoing : null)} rows={data} rowKey={(one) => one.id} />)}
      </Shown>
      {going && <EndSession session={going} onClose={() => setGoing(null)} onDone={list.reload} />}
    </>
  );
}

type Open = "roles" | "password" | "remove" | { factor: Factor } | { secret: string };

/** Everything about one user. */
function UserDialog({ user, onClose, onDone }: ActProps): JSX.Element {
  const [open, setOpen] = useState<Open | null>(null);
  const { isBusy, error, run } = useAct();
  const close = () => setOpen(null);
  const is = isOneself(user), may = mayChange();
  const act = (does: () => Promise<unknown>, words?: string) => () => void run(async () => {
    await does();
    if (words) toast.say(words);
    onDone();
  });
  const begin = act(async () => setOpen({ factor: await api.post<Factor>(`${userPath(user)}/second-factor`) }));
  const share = act(async () => setOpen(await api.post<{ secret: string }>(`${userPath(user)}/shared-secret`)));
  const line = (words: string, ...buttons: (JSX.Element | false)[]) => <span class="row wrap"><span class="grow">{words}</span>{may && buttons}</span>;
  return (
    <Dialog wide title={<bdi>{user.name}</bdi>} onClose={onClose}
      footer={<>
        {may && !is && <Button kind="danger" onClick={() => setOpen("remove")}>{C.users.remove}</Button>}
        {may && !is && <Button busy={isBusy} onClick={act(() => api.patch(userPath(user), { disabled: !user.disabled }), user.disabled ? C.users.enabledDone(user.name) : C.users.disabledDone(user.name))}>{user.disabled ? C.users.enable : C.users.disable}</Button>}
        <span class="grow" /><Button kind="primary" data-first="" onClick={onClose}>{W.dialog.close}</Button>
      </>}>
      {error != null && <ErrorPanel error={error} />}
      {is && <p class="note">{C.users.ownRoles}</p>}
      <Facts rows={[
        [C.users.state, user.disabled ? <Status is="disabled" /> : C.users.enabled],
        [C.users.roles, line(user.roles.join(", ") || C.common.none, !is && <Button small onClick={() => setOpen("roles")}>{C.common.edit}</Button>)],
        [C.users.password, line(user.hasPassword ? "••••••••" : C.common.none, <Button small onClick={() => setOpen("password")}>{C.users.setPassword}</Button>)],
        [C.users.factor, line(user.hasSecondFactor ? C.users.factorOn : C.users.factorOff,
          <Button small busy={isBusy} onClick={begin}>{user.hasSecondFactor ? C.users.factorReplace : C.users.factorAdd}</Button>,
          user.hasSecondFactor && <Button small busy={isBusy} onClick={act(() => api.del(`${userPath(user)}/second-factor`), C.users.factorRemoved)}>{C.users.factorRemove}</Button>)],
        [C.users.secret, line(user.hasSharedSecret ? C.users.secretOn : C.users.secretOff,
          <Button small busy={isBusy} onClick={share}>{user.hasSharedSecret ? C.users.factorReplace : C.users.secretMake}</Button>,
          user.hasSharedSecret && <Button small busy={isBusy} onClick={act(() => api.del(`${userPath(user)}/shared-secret`), C.users.secretRemoved)}>{C.users.factorRemove}</Button>)],
        [C.common.created, <Time at={user.createdAt} />],
      ]} />
      <h3 class="mt">{C.users.sessions}</h3>
      <SessionsOf user={user} />
      {open === "roles" && <ChangeRoles user={user} onClose={close} onDone={onDone} />}
      {open === "password" && <SetPassword user={user} onClose={close} onDone={onDone} />}
      {open === "remove" && <Confirm title={C.users.removeTitle(user.name)} act={C.users.remove} typed={user.name} danger onClose={close} onConfirm={async () => { await api.del(userPath(user)); toast.say(C.users.removed(user.name)); onClose(); onDone(); }}><p>{C.users.removeText}</p></Confirm>}
      {open && typeof open === "object" && "factor" in open && <ConfirmFactor path={`${userPath(user)}/second-factor`} factor={open.factor} onClose={close} onDone={onDone} />}
      {open && typeof open === "object" && "secret" in open && <Dialog title={C.users.secret} isModal onClose={close} onSubmit={close} footer={<Button kind="primary" type="submit">{W.dialog.close}</Button>}><ShownOnce label={C.users.secretMade} text={open.secret} hint={C.users.secretMadeText} /></Dialog>}
    </Dialog>
  );
}

export function AccessUsers(): JSX.Element {
  const iterator = pageIterator();
  const list = useLoad(`users ${iterator}`, (signal) => api.get<List<User>>("/api/v1/user", { limit: 100, iterator }, signal), { isOff: !isOwner() });
  const [isNew, setNew] = useState(false);
  const rows = list.data?.data;
  const shown = rows?.find((user) => user.id === query.value.get("user"));
  const create = <Button kind="primary" icon="plus" onClick={() => setNew(true)}>{C.users.new}</Button>;
  return (
    <AccessPage at="users" act={create}>
      {list.error != null && <ErrorPanel error={list.error} onRetry={list.reload} />}
      {rows?.length === 0 && !iterator ? <div class="panel"><Empty title={C.users.none}>{C.users.noneText}</Empty></div>
        : <div class="panel flush inset clipx"><Table label={C.access.users} columns={COLUMNS} rows={rows} rowKey={(user) => user.id} onPick={(user) => setQuery({ user: user.id })} isSlow={list.isSlow} /></div>}
      <Pager list={list.data} words={rows?.length ? C.users.shown(rows.length) : undefined} />
      {isNew && <NewUser onClose={() => setNew(false)} onDone={list.reload} />}
      {shown && <UserDialog user={shown} onClose={() => setQuery({ user: null })} onDone={list.reload} />}
    </AccessPage>
  );
}
