// SPDX-License-Identifier: Apache-2.0
// One endpoint. It begins with a sentence on how it does, then offers what follows from it, then shows the evidence.
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import {
  api, Button, clock, Confirm, Copy, count, duration, ErrorPanel, Facts, Icon, Id, Menu, MenuItem, navigate, now, Panel, part, query, Secret, setQuery, Skel, Status, statusIcon, Tabs, Tag, Time, toast, useAct, useLoad, when, type Loaded, type Params,
} from "../../kit";
import { C } from "../../words/console_delivery";
import { appCrumb, APPS, curlOf, CurlDialog, endpointName, endpointPath, endpointStatus, many, readEndpoint, Shown, useApp, useOpen } from "../common";
import { usePage } from "../shell";
import type { Endpoint, Headers, Health, Stats } from "../types";
import { Changes } from "./audit";
import { EndpointAttempts, EndpointMessages } from "./endpoint_lists";
import { SeriesDay } from "./endpoint_day";
import { EndpointDialog } from "./endpoint_form";
import { EndpointHeaders } from "./endpoint_headers";
import { DropWaiting, Elsewhere, Recover, ReplayAll, ReplayMissing } from "./recover";
import { restored } from "./restore";
import { RotateSecret, SendTest } from "./endpoint_acts";

type EndpointTab = "attempts" | "messages" | "headers" | "changes";
export type Act = "edit" | "test" | "rotate" | "delete" | "recover" | "again" | "elsewhere" | "replay" | "drop" | "curl";

export interface Situation {
  endpoint: Endpoint;
  health: Health | undefined;
  /** Of the last day. */
  day: Stats | undefined;
  all: Stats | undefined;
}

const DAY_MS = 86_400_000;

function useSituation(app: string, id: string): { loaded: Loaded<Endpoint>; situation: Situation | undefined; reload: () => void } {
  const path = endpointPath(app, id);
  const loaded = useLoad(`endpoint ${app} ${id}`, (signal) => readEndpoint(app, id, signal));
  const health = useLoad(`health ${app} ${id}`, (signal) => api.get<Health>(`${path}/health`, undefined, signal), { everyMs: 5000 });
  const stats = useLoad(`stats ${app} ${id}`, async (signal) => ({
    day: await api.get<Stats>(`${path}/stats`, { since: new Date(Date.now() - DAY_MS).toISOString() }, signal),
    all: await api.get<Stats>(`${path}/stats`, undefined, signal),
  }), { everyMs: 10_000 });
  const reload = () => [loaded, health, stats].forEach((one) => one.reload());
  return { loaded, reload, situation: loaded.data && { endpoint: loaded.data, health: health.data, day: stats.data?.day, all: stats.data?.all } };
}

/** Given up within a day by one that delivers again: somebody should look. */
export function missedOf({ health, day }: Situation): number {
  return health?.status === "healthy" ? day?.fail ?? 0 : 0;
}

function HeadStatus({ situation }: { situation: Situation }): JSX.Element {
  const missed = missedOf(situation);
  if (missed) return <Status is="missed">{C.endpoint.missed(missed)}</Status>;
  const is = endpointStatus(situation.endpoint, situation.health);
  return <Status is={is}>{is === "attention" ? C.endpoint.off : undefined}</Status>;
}

/** How it does, in one sentence. */
function sentence({ endpoint, health, day, all }: Situation): string {
  if (endpoint.disabled) return C.say.disabled(C.endpoint.reason[endpoint.disabledReason ?? "manual"] ?? C.endpoint.reason["manual"]!);
  if (!health) return "";
  if (health.failingSince) return C.say.failingQuietly(when(health.failingSince, false), duration(now.value - new Date(health.failingSince).getTime()));
  if (day?.fail) return C.say.missed(day.fail);
  const done = all?.success ?? 0;
  return done || health.pendingCount ? C.say.healthy(done) : C.say.nothing;
}

/** What holds it up, beside the sentence. */
function second({ endpoint, health, day }: Situation): ComponentChildren {
  if (!health || endpoint.disabled) return null;
  const waiting = many(health.pendingCount, 1000);
  if (health.parkedUntil && new Date(health.parkedUntil).getTime() > now.value) return C.say.parked(clock(health.parkedUntil), waiting);
  if (health.blockedBy) return C.say.blocked(health.blockedBy);
  if (health.throttledUntil && health.pendingCount) return C.say.throttled(clock(health.throttledUntil));
  if (health.pendingCount && health.oldestPendingAt) return C.say.waits(waiting, duration(now.value - new Date(health.oldestPendingAt).getTime()));
  return day?.fail ? C.say.kept : null;
}

function HealthPanel({ situation, onAct }: { situation: Situation; onAct: (act: Act) => void }): JSX.Element {
  const missed = missedOf(situation);
  const is = missed ? "missed" : endpointStatus(situation.endpoint, situation.health);
  const canRecover = (situation.day?.fail ?? 0) > 0;
  return (
    <section class="panel health" aria-label={C.endpoint.state}>
      <div class="reason">
        <span class={`r-mark ${is === "enabled" ? "good" : is === "failing" || is === "parked" ? "bad" : ""}`}><Icon name={statusIcon(is)} /></span>
        <div class="grow">
          <p class="r-say">{sentence(situation) || <Skel w={5} />}</p>
          <p class="muted">{second(situation)}</p>
          {canRecover && <Button needs="change" small class="mt-2" onClick={() => onAct("recover")}>{C.recover.act(situation.day!.fail)}</Button>}
        </div>
      </div>
      <SeriesDay of={`endpoint:${situation.endpoint.id}`} />
    </section>
  );
}

function scheduleWords(endpoint: Endpoint): string {
  if (!endpoint.retrySchedule) return C.endpoint.serverSchedule;
  return endpoint.retrySchedule.length ? endpoint.retrySchedule.map((s) => duration(s * 1000)).join(", ") : C.common.none;
}

function Settings({ endpoint, onEdit }: { endpoint: Endpoint; onEdit: () => void }): JSX.Element {
  return (
    <Panel title={C.common.settings} actions={<Button needs="change" small kind="quiet" onClick={onEdit}>{C.common.edit}</Button>}>
      <div class="body">
        <Facts narrow rows={[
          [C.endpoint.types, endpoint.eventTypes?.length ? <span class="row wrap gap-1">{endpoint.eventTypes.map((type) => <Tag>{type}</Tag>)}</span> : C.app.anyType],
          endpoint.channels?.length ? [C.endpoint.channels, <span class="row wrap gap-1">{endpoint.channels.map((one) => <Tag>{one}</Tag>)}</span>] : false,
          [C.endpoint.filter, endpoint.filter ? <code class="wrapcode"><bdi>{endpoint.filterText ?? JSON.stringify(endpoint.filter)}</bdi></code> : C.common.none],
          [C.endpoint.transform, endpoint.transform ? C.endpoint.lines(endpoint.transform.split("\n").length) : C.common.none],
          [C.endpoint.rateShort, endpoint.throttleRate ? C.common.perSecond(endpoint.throttleRate) : C.common.unlimited],
          [C.endpoint.order, endpoint.ordered ? C.endpoint.inOrder : C.endpoint.anyOrder],
          [C.endpoint.retriesShort, scheduleWords(endpoint)],
          endpoint.timeoutMs ? [C.endpoint.deadline, duration(endpoint.timeoutMs)] : false,
          endpoint.encoding === "form" && [C.endpoint.encoding, C.endpoint.encodings[1][1]],
          [C.endpoint.scheme, endpoint.scheme],
          [C.endpoint.handshake, endpoint.handshake && (endpoint.handshake.verified ? C.endpoint.handshakePassed(endpoint.handshake.kind) : C.endpoint.handshakeOpen(endpoint.handshake.kind))],
          ...Object.entries(endpoint.metadata ?? {}).map(([key, value]) => [<bdi class="mono">{key}</bdi>, <bdi>{value}</bdi>] as const),
          [C.common.uid, endpoint.uid ? <Id value={endpoint.uid} /> : null],
          [C.common.created, <Time at={endpoint.createdAt} />],
          [C.common.changed, <Time at={endpoint.updatedAt} />],
        ]} />
      </div>
    </Panel>
  );
}

function Lane({ health }: { health: Health | undefined }): JSX.Element {
  return (
    <Panel title={C.endpoint.lane} actions={health?.parkedUntil ? <Status is="parked" /> : undefined}>
      <div class="body">
        {health ? (
          <Facts narrow rows={[
            [C.endpoint.inFlight, C.endpoint.inFlightOf(health.inFlightCount, health.window)],
            [C.endpoint.waiting, many(health.pendingCount, 1000)],
            [C.endpoint.queued, count(health.queuedCount)],
            [C.endpoint.oldest, health.oldestPendingAt && <Time at={health.oldestPendingAt} rel />],
            [C.endpoint.next, health.parkedUntil ? null : health.nextAttempt && <Time at={health.nextAttempt} rel />],
            [C.endpoint.parkedUntil, health.parkedUntil && <Time at={health.parkedUntil} />],
            [C.endpoint.row, health.failuresInRow ? count(health.failuresInRow) : null],
          ]} />
        ) : <Skel w={4} />}
      </div>
    </Panel>
  );
}

function Head({ app, situation, onAct, reload }: { app: string; situation: Situation; onAct: (act: Act) => void; reload: () => void }): JSX.Element {
  const { endpoint } = situation;
  const { isBusy, run } = useAct();
  const path = endpointPath(app, endpoint.id);
  const name = endpointName(endpoint);
  const switchTo = async (disabled: boolean): Promise<void> => {
    if (disabled) await api.patch(path, { disabled: true });
    else await api.post(`${path}/enable`);
    reload();
    toast.say(disabled ? C.endpoint.disabledDone(name) : C.endpoint.enabled(name), () => void switchTo(!disabled).catch(toast.fail));
  };
  const toggle = () => void run(() => switchTo(!endpoint.disabled)).then((isDone) => !isDone && reload());
  return (
    <div class="ephead">
      <div class="grow">
        <div class="row gap-3 wrap"><h1><bdi>{name}</bdi></h1><HeadStatus situation={situation} /></div>
        <span class="id whole"><bdi>{endpoint.url}</bdi><Copy text={endpoint.url} label={C.endpoint.copyUrl} /></span>
      </div>
      <div class="row">
        <Button needs="change" icon="send" class="only-lg" onClick={() => onAct("test")}>{C.endpoint.test}</Button>
        <Button needs="change" busy={isBusy} onClick={toggle}>{endpoint.disabled ? C.endpoint.enable : C.endpoint.disable}</Button>
        <Menu label={C.common.more}>
          <MenuItem needs="change" icon="send" onClick={() => onAct("test")}>{C.endpoint.test}</MenuItem>
          <MenuItem needs="change" icon="retry" onClick={() => onAct("recover")}>{C.recover.menu}</MenuItem>
          <MenuItem needs="change" icon="bulk" onClick={() => onAct("again")}>{C.recover.againMenu}</MenuItem>
          <MenuItem needs="change" icon="ext" onClick={() => onAct("elsewhere")}>{C.recover.elsewhereMenu}</MenuItem>
          <MenuItem needs="change" icon="funnel" onClick={() => onAct("replay")}>{C.recover.replayMenu}</MenuItem>
          <MenuItem needs="change" icon="gear" onClick={() => onAct("edit")}>{C.common.edit}</MenuItem>
          <MenuItem icon="term" onClick={() => onAct("curl")}>{C.common.curl}</MenuItem>
          <hr />
          <MenuItem needs="change" icon="off" danger onClick={() => onAct("drop")}>{C.recover.dropMenu}</MenuItem>
          <MenuItem needs="change" icon="x" danger onClick={() => onAct("delete")}>{C.common.remove}</MenuItem>
        </Menu>
      </div>
    </div>
  );
}

function Dialogs({ app, situation, act, onClose, onAct, reload }: { app: string; situation: Situation; act: Act | null; onClose: () => void; onAct: (act: Act) => void; reload: () => void }): JSX.Element | null {
  const { endpoint, health } = situation;
  const name = endpointName(endpoint);
  const path = endpointPath(app, endpoint.id);
  switch (act) {
    case "edit":
      return <EndpointDialog app={app} endpoint={endpoint} onClose={onClose} onDone={(_, missing) => { reload(); if (missing) onAct("replay"); }} />;
    case "test":
      return <SendTest app={app} endpoint={endpoint} onClose={onClose} onDone={reload} />;
    case "rotate":
      return <RotateSecret path={path} onClose={onClose} />;
    case "recover":
      return <Recover app={app} endpoint={endpoint} onClose={onClose} onDone={reload} />;
    case "again":
      return <ReplayAll app={app} endpoint={endpoint} onClose={onClose} onDone={reload} />;
    case "elsewhere":
      return <Elsewhere app={app} endpoint={endpoint} onClose={onClose} onDone={reload} />;
    case "drop":
      return <DropWaiting app={app} endpoint={endpoint} onClose={onClose} onDone={reload} />;
    case "replay":
      return <ReplayMissing app={app} endpoint={endpoint} onClose={onClose} onDone={reload} />;
    case "curl":
      return <CurlDialog curl={curlOf("GET", path)} onClose={onClose} />;
    case "delete":
      return (
        <Confirm title={C.endpoint.deleteTitle(name)} act={C.common.remove} danger typed={name} onClose={onClose} onConfirm={async () => { await api.del(path); toast.say(C.endpoint.deleted(name)); navigate(`/apps/${part(app)}`); }}>
          <p>{C.endpoint.deleteText(health?.pendingCount ?? 0)}</p>
        </Confirm>
      );
    default:
      return null;
  }
}

const REPLAYED_MS = 14 * DAY_MS;

/** The server looks so far back for what is missing. */
function reachable(at: string): string {
  return new Date(Math.max(new Date(at).getTime(), Date.now() - REPLAYED_MS + 60_000)).toISOString();
}

/** What a row of the audit log says was there before, in the form and tried. Saved, what never came since then can be sent. */
function Restore({ app, endpoint, row, reload }: { app: string; endpoint: Endpoint; row: string | null; reload: () => void }): JSX.Element | null {
  const loaded = useLoad(`restore ${endpoint.id} ${row}`, (signal) => restored(row!, endpoint.id, signal), { isOff: !row });
  const [since, setSince] = useState<string | null>(null);
  const close = () => setQuery({ restore: null }, { replace: true });
  if (since) return <ReplayMissing app={app} endpoint={endpoint} since={since} onClose={() => setSince(null)} onDone={reload} />;
  if (!row) return null;
  if (loaded.error != null) return <ErrorPanel error={loaded.error} onRetry={loaded.reload} />;
  if (!loaded.data) return null;
  const { rules, at, who } = loaded.data;
  return <EndpointDialog app={app} endpoint={endpoint} start={rules} note={C.endpoint.asBefore(when(at), who)} onClose={close} onDone={(_, missing) => { reload(); if (missing) setSince(reachable(at)); }} />;
}

function EndpointFrame({ params, tab }: { params: Params; tab: EndpointTab }): JSX.Element {
  const appId = params["app"]!, id = params["ep"]!;
  const app = useApp(appId);
  const { loaded, situation, reload } = useSituation(appId, id);
  const headers = useLoad(`headers ${appId} ${id}`, (signal) => api.get<Headers>(`${endpointPath(appId, id)}/headers`, undefined, signal));
  const [act, open] = useOpen<Act>();
  usePage(loaded.data ? endpointName(loaded.data) : "", [APPS, appCrumb(appId, app.data)]);
  const base = `/apps/${part(appId)}/endpoints/${part(id)}`;
  const headerCount = Object.keys(headers.data?.headers ?? {}).length + (headers.data?.sensitive.length ?? 0);
  return (
    <Shown loaded={loaded}>
      {(endpoint) => situation && (
        <>
          <Head app={appId} situation={situation} onAct={open} reload={reload} />
          <HealthPanel situation={situation} onAct={open} />
          <div class="epgrid">
            <div class="grow">
              <Tabs label={C.endpoint.tabs} at={tab} tabs={[
                { key: "attempts", label: C.endpoint.attempts, to: base },
                { key: "messages", label: C.endpoint.messages, to: `${base}/messages` },
                { key: "headers", label: C.endpoint.headers, to: `${base}/headers`, n: headers.data ? count(headerCount) : undefined },
                { key: "changes", label: C.common.changes, to: `${base}/changes` },
              ]} />
              {tab === "attempts" && <EndpointAttempts app={appId} endpoint={id} />}
              {tab === "messages" && <EndpointMessages app={appId} endpoint={id} />}
              {tab === "changes" && <Changes key={endpoint.updatedAt} object={endpoint.id} />}
              {tab === "headers" && <EndpointHeaders path={endpointPath(appId, id)} loaded={headers} />}
            </div>
            <aside class="epside stack" aria-label={C.common.settings}>
              <Settings endpoint={endpoint} onEdit={() => open("edit")} />
              <Panel title={C.endpoint.secret} actions={<Button needs="change" small kind="quiet" onClick={() => open("rotate")}>{C.endpoint.rotate}</Button>}>
                <div class="body">
                  <Secret needs="secrets" label={C.endpoint.secret} load={async () => (await api.get<{ key: string }>(`${endpointPath(appId, id)}/secret`)).key} />
                  <p class="hint mt-2">{C.endpoint.secretHint}</p>
                </div>
              </Panel>
              <Lane health={situation.health} />
            </aside>
          </div>
          <Restore app={appId} endpoint={endpoint} row={query.value.get("restore")} reload={reload} />
          <Dialogs app={appId} situation={situation} act={act} onClose={() => open(null)} onAct={open} reload={reload} />
        </>
      )}
    </Shown>
  );
}

export const EndpointPage = ({ params }: { params: Params }): JSX.Element => <EndpointFrame params={params} tab="attempts" />;
export const EndpointMessagesPage = ({ params }: { params: Params }): JSX.Element => <EndpointFrame params={params} tab="messages" />;
export const EndpointChangesPage = ({ params }: { params: Params }): JSX.Element => <EndpointFrame params={params} tab="changes" />;
export const EndpointHeadersPage = ({ params }: { params: Params }): JSX.Element => <EndpointFrame params={params} tab="headers" />;
