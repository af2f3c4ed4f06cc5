// SPDX-License-Identifier: Apache-2.0
// One message: what it holds, and for every endpoint of the application whether it came, waits, was given up or was not
// wanted, and why.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Code, Confirm, count, duration, Empty, Facts, Id, Link, Menu, MenuItem, navigate, now, Panel, part, plural, query, relative, Seg, setQuery, Status, Tag, Time, toast, useLoad, when, type Params, type Raw, type StatusName } from "../../kit";
import { Payload } from "../../kit/json";
import { C } from "../../words/console_delivery";
import { appCrumb, APPS, appPath, curlOf, CurlDialog, endpointName, hostOf, playgroundTo, Shown, useApp, useOpen } from "../common";
import { Conditions } from "../../play/conditions";
import { usePage } from "../shell";
import type { ExplainedDelivery, ExplainedEndpoint, Message, MessageExplanation } from "../types";
import { Inspector } from "./inspector";
import { WhatHappened } from "./timeline";

type View = "then" | "now";

/** How the message stands at an endpoint. */
function stateOf(one: ExplainedEndpoint, view: View): StatusName {
  if (view === "now") return nowState(one);
  if (!one.delivery) return one.then?.rule === "disabled" ? "disabled" : one.then?.rule === "filter" ? "filteredOut" : "notWanted";
  return deliveryState(one.delivery);
}

function nowState(one: ExplainedEndpoint): StatusName {
  if (!one.now.wanted) return one.now.reasons[0]?.rule === "disabled" ? "disabled" : one.now.reasons[0]?.rule === "filter" ? "filteredOut" : "notWanted";
  const states: Record<string, StatusName> = { send: "delivered", wait: "waiting", cancel: "canceled", fail: "failed" };
  return states[one.now.outcome] ?? "notWanted";
}

function deliveryState(delivery: ExplainedDelivery): StatusName {
  const waits: Record<string, StatusName> = { throttle: "throttled", order: "behind", breaker: "parked", retry: "retrying" };
  if (delivery.status === 0) return "delivered";
  if (delivery.status === 2) return "givenUp";
  if (delivery.status === 4) return "canceled";
  for (const wait of delivery.waitsFor) if (waits[wait.for]) return waits[wait.for]!;
  return delivery.attemptCount ? "retrying" : "waiting";
}

/** Why, in the server's words where it has them. */
function Because({ one, view, app }: { one: ExplainedEndpoint; view: View; app: string }): JSX.Element {
  if (view === "now") return <>{one.now.reasons[0]?.rule === "filter" ? C.message.filterFails : one.now.reasons[0]?.words ?? one.now.words}</>;
  const { delivery } = one;
  if (!delivery) return <>{one.then?.rule === "filter" ? C.message.filterFails : one.then?.words ?? one.now.words}</>;
  const last = delivery.attempts[delivery.attempts.length - 1];
  if (delivery.status === 0 && last) return <>{delivery.attemptCount === 1 ? C.message.first(duration(last.responseDurationMs)) : C.message.nth(delivery.attemptCount, duration(last.responseDurationMs))} <Code status={last.responseStatusCode} none={C.common.noAnswer} /></>;
  if (delivery.status === 2) {
    return <>{C.message.reasons[delivery.statusReason ?? ""]?.(delivery.attemptCount) ?? delivery.statusReason}{last && <> <Code status={last.responseStatusCode} none={C.common.noAnswer} /></>}</>;
  }
  const wait = delivery.waitsFor[0];
  if (wait?.blockedBy) return <>{C.message.behindOf} <Link class="mono" to={`/apps/${part(app)}/messages/${part(wait.blockedBy)}`}>{wait.blockedBy}</Link></>;
  return <>{wait?.words ?? C.message.waitingFirst}{wait?.until && <span class="muted"> · <Time at={wait.until} /></span>}</>;
}

interface WhyProps {
  app: string;
  explained: MessageExplanation;
  picked: string | null;
  onPick: (endpoint: string) => void;
}

function WhyRow({ app, one, view, isPicked, onPick }: { app: string; one: ExplainedEndpoint; view: View; isPicked: boolean; onPick: () => void }): JSX.Element {
  const filter = one.now.filter && !one.now.filter.matches && (view === "now" || !one.delivery) ? one.now.filter : null;
  const details = view === "now" ? one.now.reasons.slice(1) : [];
  const isOpen = !!filter || details.length > 0;
  return (
    <>
      <tr class={`${isPicked ? "is-sel" : ""}${isOpen ? " is-open" : ""} is-link`} data-row="" tabIndex={-1} onClick={(event) => !(event.target as Element).closest("a,button") && onPick()} onKeyDown={(event) => event.key === "Enter" && event.target === event.currentTarget && onPick()}>
        <td><Link class="main-link" to={`/apps/${part(app)}/endpoints/${part(one.endpointId)}`}><bdi>{endpointName(one)}</bdi></Link><span class="l2 trunc"><bdi>{one.deleted ? C.message.deletedEndpoint : hostOf(one.url)}</bdi></span></td>
        <td class="c-state"><Status is={stateOf(one, view)}>{view === "now" && one.now.outcome === "send" ? C.message.wouldSend : undefined}</Status></td>
        <td class="c-reason"><Because one={one} view={view} app={app} />{view === "then" && one.then && !one.then.exact && !one.delivery && <span class="l2">{C.message.notExact}</span>}</td>
        <td class="num c-att"><button type="button" class="linkish" aria-pressed={isPicked} onClick={onPick}>{count(one.delivery?.attemptCount ?? 0)}<span class="sr"> {C.message.attemptsOf(endpointName(one))}</span></button></td>
      </tr>
      {isOpen && (
        <tr class="cond"><td colSpan={4}><div class="condbox">
          {details.map((reason) => <p class="condwords">{reason.words}</p>)}
          {filter && <Conditions filter={filter} />}
        </div></td></tr>
      )}
    </>
  );
}

function Why({ app, explained, picked, onPick }: WhyProps): JSX.Element {
  const view = (query.value.get("rules") === "now" ? "now" : "then") as View;
  const rows = explained.data;
  return (
    <Panel inset title={C.message.why} actions={<Seg small label={C.message.thenNow} value={view} onChange={(next) => setQuery({ rules: next === "now" ? "now" : null }, { replace: true })} options={[["then", C.message.then], ["now", C.message.now]]} />}
      footer={explained.done ? undefined : <>{C.message.moreEndpoints(rows.length, explained.endpointCount)}</>}>
      {rows.length ? (
        <table class="tbl why">
          <thead><tr><th scope="col">{C.message.endpoint}</th><th scope="col" class="c-state">{C.message.state}</th><th scope="col" class="c-reason">{C.message.because}</th><th scope="col" class="num c-att">{C.message.tries}</th></tr></thead>
          <tbody>{rows.map((one) => <WhyRow key={one.endpointId} app={app} one={one} view={view} isPicked={one.endpointId === picked} onPick={() => onPick(one.endpointId)} />)}</tbody>
        </table>
      ) : <Empty title={C.message.noEndpoints}>{C.message.noEndpointsText}</Empty>}
    </Panel>
  );
}

interface Loaded {
  message: Raw<Message>;
  explained: MessageExplanation;
}

function loadMessage(app: string, id: string, signal: AbortSignal): Promise<Loaded> {
  const path = `${appPath(app)}/msg/${part(id)}`;
  return Promise.all([api.raw<Message>(path, undefined, signal), api.get<MessageExplanation>(`${path}/explain`, undefined, signal)]).then(([message, explained]) => ({ message, explained }));
}

const isEnded = (one: ExplainedEndpoint) => !one.delivery || ![1, 3].includes(one.delivery.status);

function Summary({ explained }: { explained: MessageExplanation }): JSX.Element | null {
  const mine = explained.data.filter((one) => one.delivery);
  const lost = mine.filter((one) => one.delivery!.status === 2).length;
  if (lost) return <Status is="missed">{C.message.givenUpOf(lost, mine.length)}</Status>;
  if (!mine.length) return <Status is="notWanted" />;
  const open = mine.filter((one) => !isEnded(one)).length;
  return open ? <Status is="waiting">{C.message.waitingOf(open, mine.length)}</Status> : <Status is="delivered" />;
}

/** The endpoint whose attempts are shown: the one in the address, else the one that most needs a look. */
function pickedOf(explained: MessageExplanation): string | null {
  const attempt = query.value.get("attempt"), named = query.value.get("endpoint");
  if (named) return named;
  const byAttempt = attempt && explained.data.find((one) => one.delivery?.attempts.some((try_) => try_.id === attempt));
  if (byAttempt) return byAttempt.endpointId;
  const order = (one: ExplainedEndpoint) => (one.delivery ? { 2: 0, 3: 1, 1: 2, 0: 3 }[one.delivery.status] ?? 4 : 5);
  return [...explained.data].sort((a, b) => order(a) - order(b))[0]?.endpointId ?? null;
}

type Act = "curl" | "expunge" | "resend";

export function MessagePage({ params }: { params: Params }): JSX.Element {
  const appId = params["app"]!, id = params["msg"]!;
  const app = useApp(appId);
  const [isSettled, setSettled] = useState(false);
  const loaded = useLoad(`message ${appId} ${id}`, async (signal) => {
    const data = await loadMessage(appId, id, signal);
    setSettled(data.explained.data.every(isEnded));
    return data;
  }, { everyMs: isSettled ? 0 : 3000 });
  const [act, open] = useOpen<Act>();
  const messageType = loaded.data?.message.value.eventType;
  usePage(messageType ?? "", [APPS, appCrumb(appId, app.data), { label: C.app.messages, to: `/apps/${part(appId)}/messages` }]);
  return <Shown loaded={loaded}>{(data) => <MessageView app={appId} data={data} act={act} open={open} reload={loaded.reload} />}</Shown>;
}

function MessageView({ app, data, act, open, reload }: { app: string; data: Loaded; act: Act | null; open: (act: Act | null) => void; reload: () => void }): JSX.Element {
  const { message: raw, explained } = data;
  const message = raw.value;
  const picked = pickedOf(explained);
  const one = explained.data.find((row) => row.endpointId === picked);
  const path = `${appPath(app)}/msg/${part(message.id)}`;
  const given = explained.data.filter((row) => row.delivery);
  const canResend = !explained.payloadGone;
  const resend = async (row: ExplainedEndpoint) => {
    await api.post(`${path}/endpoint/${part(row.endpointId)}/resend`);
    reload();
  };
  const pick = (endpoint: string) => setQuery({ endpoint, attempt: null }, { replace: true });
  const resendOne = () => one && resend(one).then(() => toast.say(C.message.resent(endpointName(one))), toast.fail);
  return (
    <>
      <div class="ephead">
        <div class="grow">
          <div class="row gap-3 wrap"><h1><bdi>{message.eventType}</bdi></h1><Summary explained={explained} /></div>
          <span class="row wrap gap-1 meta-line"><Id value={message.id} /><span class="muted" title={when(message.timestamp)}>{C.message.accepted(when(message.timestamp), relative(message.timestamp, now.value))}</span></span>
        </div>
        <div class="row">
          <Button icon="term" class="only-lg" onClick={() => open("curl")}>{C.common.curl}</Button>
          {one && canResend && !one.deleted && <Button needs="change" kind="primary" class="only-lg" onClick={resendOne}>{C.message.resendTo(endpointName(one))}</Button>}
          <Menu label={C.common.more}>
            {one && canResend && !one.deleted && <MenuItem needs="change" icon="send" onClick={() => void resendOne()}>{C.message.resendTo(endpointName(one))}</MenuItem>}
            {canResend && given.length > 1 && <MenuItem needs="change" icon="bulk" onClick={() => open("resend")}>{C.message.resendAll(given.length)}</MenuItem>}
            <MenuItem icon="term" onClick={() => open("curl")}>{C.common.curl}</MenuItem>
            {canResend && <MenuItem icon="flask" onClick={() => navigate(playgroundTo("filter", app, message.id, one?.deleted ? undefined : one?.endpointId))}>{C.message.toPlayground}</MenuItem>}
            {canResend && <><hr /><MenuItem needs="change" icon="x" danger onClick={() => open("expunge")}>{C.message.expunge}</MenuItem></>}
          </Menu>
        </div>
      </div>
      <div class="msggrid">
        <div class="stack">
          <Why app={app} explained={explained} picked={picked} onPick={pick} />
          {one?.delivery && <Inspector app={app} message={message.id} one={one} onChanged={reload} />}
        </div>
        <div class="stack">
          <WhatHappened message={message} explained={explained} />
          {explained.payloadGone ? <Panel title={C.message.payload}><p class="body muted">{C.message.expunged}</p></Panel> : <Payload title={C.message.payload} text={raw.raw("payload") ?? ""} name={`${message.id}.json`} />}
          {(message.tags?.length || message.channels?.length || message.deliverAt) && (
            <Panel title={C.message.more}><div class="body"><Facts narrow rows={[
              [C.message.tags, message.tags?.length ? <span class="row wrap gap-1">{message.tags.map((tag) => <Tag mono={false}>{tag}</Tag>)}</span> : null],
              [C.message.channels, message.channels?.length ? <span class="row wrap gap-1">{message.channels.map((one_) => <Tag>{one_}</Tag>)}</span> : null],
              [C.message.deliverAt, message.deliverAt && <Time at={message.deliverAt} />],
            ]} /></div></Panel>
          )}
        </div>
      </div>
      {act === "curl" && <CurlDialog curl={curlOf("GET", path)} onClose={() => open(null)} />}
      {act === "expunge" && (
        <Confirm title={C.message.expungeTitle} act={C.message.expunge} danger onClose={() => open(null)} onConfirm={async () => { await api.del(`${path}/content`); toast.say(C.message.expungeDone); reload(); }}>
          <p>{C.message.expungeText}</p>
        </Confirm>
      )}
      {act === "resend" && (
        <Confirm title={C.message.resendAll(given.length)} act={C.message.resendAll(given.length)} onClose={() => open(null)} onConfirm={async () => { for (const row of given) if (!row.deleted) await resend(row); toast.say(C.message.resentAll(plural(given.length, "endpoint", "endpoints"))); }}>
          <p>{C.message.resendAllText}</p>
        </Confirm>
      )}
    </>
  );
}

