// SPDX-License-Identifier: Apache-2.0
// What happens, as it happens: the newest on top. Rows are not read out one by one; the rate is.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { api, Button, Chips, clock, Code, count, duration, Empty, ErrorPanel, Icon, Link, part, query, StatusShape, type FilterSpec, type StatusName } from "../../kit";
import { C } from "../../words/console_overview";
import { appPath, endpointName, endpointPath } from "../common";
import { usePage } from "../shell";
import { useStream, type Live, type LiveEvent } from "../../kit/stream";
import type { Application, Endpoint, Source } from "../types";

const FILTERS: readonly FilterSpec[] = [
  { name: "kinds", label: C.live.kind, options: C.live.kinds },
  { name: "status", label: C.live.status, options: C.live.statuses },
  { name: "app", label: C.live.app, placeholder: C.live.appHint },
];

const names = new Map<string, string>();
const asked = new Set<string>();
const NAMES_AT_MOST = 2000;

/** Ids as people know them; each is asked for once. */
function useNames(events: readonly LiveEvent[]): (id: string | null | undefined) => string {
  const [, draw] = useState(0);
  useEffect(() => {
    for (const one of events) {
      if (one.endpoint && one.app) learn(one.endpoint, async () => endpointName(await api.get<Endpoint>(endpointPath(one.app!, one.endpoint!))));
      else if (one.app) learn(one.app, async () => (await api.get<Application>(appPath(one.app!))).name);
      if (one.source) learn(one.source, async () => (await api.get<Source>(`/ingest/api/v1/source/${part(one.source!)}`)).name);
    }
    function learn(id: string, get: () => Promise<string>): void {
      if (asked.has(id) || asked.size > NAMES_AT_MOST) return;
      asked.add(id);
      get().then((name) => { names.set(id, name); draw((n) => n + 1); }, () => undefined);
    }
  }, [events]);
  return (id) => (id ? names.get(id) ?? id : "");
}

const STATES: Record<string, StatusName> = { success: "delivered", fail: "givenUp", sending: "retrying", pending: "retrying", canceled: "canceled", accepted: "accepted", rejected: "refused", duplicate: "duplicate", ignored: "ignored", running: "running", finished: "done", failed: "failed" };

function statusOf(one: LiveEvent): StatusName {
  if (one.kind === "message") return "waiting";
  if (one.kind === "run") return one.halted ? "halted" : "passed";
  return STATES[String(one.state ?? one.outcome ?? one.status ?? "")] ?? "waiting";
}

function toOf(one: LiveEvent): string | null {
  const app = one.app ? `/apps/${part(one.app)}` : null;
  switch (one.kind) {
    case "message":
      return app && one.id ? `${app}/messages/${part(one.id)}` : null;
    case "attempt":
      return app && one.message ? `${app}/messages/${part(one.message)}${one.id ? `?attempt=${part(one.id)}` : ""}` : null;
    case "request":
      return one.source ? `/sources/${part(one.source)}?request=${part(one.id ?? "")}` : null;
    case "run":
      return app && one.id ? `${app}/runs/${part(one.id)}` : null;
    default:
      return one.id ? `/tasks/${part(one.id)}` : null;
  }
}

function LiveRow({ one, nameOf }: { one: LiveEvent; nameOf: (id: string | null | undefined) => string }): JSX.Element {
  const to = toOf(one);
  const what = one.eventType || one.event || one.task || C.live.names[one.kind]!;
  const where = nameOf(one.endpoint ?? one.source ?? one.app);
  return (
    <li>
      <time class="muted" dateTime={one.at}>{clock(one.at)}</time>
      <StatusShape is={statusOf(one)} />
      {one.kind === "attempt" && <Code status={Number(one.status) || 0} none={C.common.noAnswer} />}
      <span class="grow trunc">{to ? <Link to={to}><bdi>{what}</bdi></Link> : <bdi>{what}</bdi>}{where && <span class="muted"> {C.live.to[one.kind]} <bdi>{where}</bdi></span>}</span>
      <span class="muted nowrap">{one.ms !== undefined ? duration(one.ms) : ""}</span>
    </li>
  );
}

export function Rate({ live }: { live: Live }): JSX.Element {
  return <span class={`st ${live.isOpen ? "live" : "none"}`} role="status"><Icon name="live" />{live.isHeldBack ? C.live.polling : !live.isOpen ? C.live.waiting : live.perSecond === null ? C.live.open : C.live.perSecond(count(live.perSecond))}</span>;
}

export function LiveList({ live }: { live: Live }): JSX.Element {
  const nameOf = useNames(live.events);
  return <ul class="ticker">{live.events.map((one) => <LiveRow key={one.n} one={one} nameOf={nameOf} />)}</ul>;
}

/** What the page could not see, and why. */
function LiveNotes({ live: { isHeldBack, isCrowded, gap } }: { live: Live }): JSX.Element | null {
  if (!isHeldBack && !isCrowded && !gap) return null;
  return (
    <div class="stack mb" role="status">
      {isHeldBack && <p class="note"><Icon name="alarm" /><span>{C.live.heldBack}</span></p>}
      {isCrowded && <p class="note"><Icon name="alarm" /><span>{C.live.crowded}</span></p>}
      {gap && <p class="note"><Icon name="alarm" /><span>{C.live.gap(clock(gap.from), clock(gap.to), gap.missed)}</span></p>}
    </div>
  );
}

const KEPT = 500;

export function LivePage(): JSX.Element {
  usePage(C.nav.live);
  const [isPaused, setPaused] = useState(false);
  const at = query.value;
  const live = useStream({ kinds: at.get("kinds"), status: at.get("status"), app: at.get("app"), sample: 100 }, KEPT, isPaused);
  return (
    <>
      <div class="phead"><h1 class="grow">{C.nav.live}<span class="h-sub">{C.live.sub}</span></h1><Rate live={live} /><Button icon={isPaused ? "play" : "pause"} onClick={() => setPaused(!isPaused)}>{isPaused ? C.live.resume : C.live.pause}</Button></div>
      <div class="filters row wrap pt0"><Chips specs={FILTERS} />{live.leftOut > 0 && <span class="muted">{C.live.leftOut(live.leftOut)}</span>}</div>
      <LiveNotes live={live} />
      {live.error != null && <ErrorPanel error={live.error} />}
      <div class="panel">{live.events.length ? <LiveList live={live} /> : <Empty title={C.live.none}>{C.live.noneText}</Empty>}</div>
    </>
  );
}
