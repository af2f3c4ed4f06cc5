// SPDX-License-Identifier: Apache-2.0
// Sessions of the console: who is signed in, since when, from where and until when, and how to end that.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Chips, Confirm, Empty, ErrorPanel, pageIterator, Pager, part, query, Table, Tag, Time, toast, useLoad, type Column, type FilterSpec, type List } from "../../kit";
import { C } from "../../words/console_people";
import { AccessPage, isOwner, LastUsed, mayChange } from "./access";

export interface Session {
  id: string;
  name: string;
  how: string | null;
  role: string;
  readOnly: boolean;
  userId: string | null;
  tokenId: string | null;
  address: string | null;
  createdAt: string;
  lastUsedAt: string;
  expiresAt: string;
  current: boolean;
}

const FILTERS: readonly FilterSpec[] = [{ name: "token_id", label: C.sessions.ofToken }, { name: "user_id", label: C.sessions.ofUser }];

export function sessionColumns(onEnd: ((session: Session) => void) | null): Column<Session>[] {
  return [
    { key: "who", head: C.sessions.who, cell: (session) => <><b class="normalweight"><bdi>{session.name}</bdi></b> {session.current && <Tag mono={false}>{C.sessions.current}</Tag>}<span class="l2">{session.role}{session.readOnly && `, ${C.access.readOnly}`}</span></> },
    { key: "how", head: C.sessions.how, class: "c-lg", cell: (session) => (session.how ? C.sessions.hows[session.how] ?? session.how : <span class="muted">{C.common.unknown}</span>) },
    { key: "from", head: C.sessions.from, class: "c-lg", cell: (session) => <span class="mono">{session.address}</span> },
    { key: "begun", head: C.sessions.begun, class: "c-wide", cell: (session) => <Time at={session.createdAt} seconds={false} /> },
    { key: "used", head: C.access.lastUsed, cell: (session) => <LastUsed at={session.lastUsedAt} /> },
    { key: "until", head: C.sessions.until, isNum: true, class: "c-lg", cell: (session) => <Time at={session.expiresAt} seconds={false} /> },
    ...(onEnd ? [{ key: "act", head: <span class="sr">{C.sessions.end}</span>, isNum: true, cell: (session: Session) => !session.current && <Button small kind="quiet" onClick={() => onEnd(session)}>{C.sessions.end}</Button> }] : []),
  ];
}

export function EndSession({ session, onClose, onDone }: { session: Session; onClose: () => void; onDone: () => void }): JSX.Element {
  const end = async () => {
    await api.del(`/api/v1/session/${part(session.id)}`);
    toast.say(C.sessions.ended);
    onDone();
  };
  return <Confirm title={C.sessions.endTitle(session.name)} act={C.sessions.end} danger onClose={onClose} onConfirm={end}><p>{C.sessions.endText}</p></Confirm>;
}

export function AccessSessions(): JSX.Element {
  const iterator = pageIterator();
  const user_id = query.value.get("user_id"), token_id = query.value.get("token_id");
  const list = useLoad(`sessions ${iterator} ${user_id} ${token_id}`, (signal) => api.get<List<Session>>("/api/v1/session", { limit: 100, iterator, user_id, token_id }, signal), { isOff: !isOwner() });
  const [going, setGoing] = useState<Session | "others" | null>(null);
  const rows = list.data?.data;
  const others = rows?.filter((session) => !session.current).length ?? 0;
  const isWhole = !iterator && !user_id && !token_id;
  const endOthers = async () => {
    const { ended } = await api.post<{ ended: number }>("/api/v1/session/end", { others: true });
    toast.say(C.tokens.ended(ended));
    list.reload();
  };
  return (
    <AccessPage at="sessions" act={isWhole && others > 0 && <Button kind="danger" onClick={() => setGoing("others")}>{C.sessions.endOthers}</Button>}>
      <div class="filters row wrap"><Chips specs={FILTERS} /></div>
      {list.error != null && <ErrorPanel error={list.error} onRetry={list.reload} />}
      {rows?.length === 0 && !iterator ? <div class="panel"><Empty title={C.sessions.none}>{C.sessions.noneText}</Empty></div>
        : <div class="panel flush inset clipx"><Table label={C.access.sessions} columns={sessionColumns(mayChange() ? setGoing : null)} rows={rows} rowKey={(session) => session.id} isSlow={list.isSlow} /></div>}
      <Pager list={list.data} words={rows?.length ? C.sessions.shown(rows.length) : undefined} />
      {going === "others" && <Confirm title={C.sessions.endOthersTitle(others, !list.data?.done)} act={C.sessions.endOthers} danger onClose={() => setGoing(null)} onConfirm={endOthers}><p>{C.sessions.endOthersText}</p></Confirm>}
      {going && going !== "others" && <EndSession session={going} onClose={() => setGoing(null)} onDone={list.reload} />}
    </AccessPage>
  );
}
