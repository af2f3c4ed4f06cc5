// SPDX-License-Identifier: Apache-2.0
// What is wrong now, worst first: each in a sentence, since when, and what to do about it.
import { computed, signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import {
  api, Button, count, Dialog, duration, ErrorPanel, Field, Icon, Input, Link, LinkButton, may, Menu, MenuItem, now, part, Select, Spark, Status, toast, useAct, useLoad, when, type Loaded, type StatusName, type WaterPoint,
} from "../kit";
import { W } from "../words/en";
import { C } from "../words/console_overview";
import { endpointName } from "./common";
import { navCounts } from "./nav_counts";
import { useSparks, waterPoints } from "./series";

export interface Trouble {
  kind: "endpoint_disabled" | "filter_breaker" | "endpoint_parked" | "endpoint_failing" | "filter_halting" | "source_refusing" | "endpoint_ageing";
  applicationId: string | null;
  applicationName: string | null;
  sourceId: string | null;
  sourceName: string | null;
  endpointId: string | null;
  filterId: string | null;
  event: string | null;
  url: string | null;
  description: string | null;
  disabledReason: string | null;
  since: string | null;
  lastAt: string | null;
  until: string | null;
  count: number | null;
  responseStatusCode: number | null;
  error: string | null;
  response: string | null;
  requestId: string | null;
  waitingCount: number | null;
  oldestWaitingAt: string | null;
  issueId: string;
  state: "open" | "acknowledged" | "muted";
  note: string | null;
  by: { kind: string; id: string; name: string } | null;
  at: string | null;
  mutedUntil: string | null;
}

export interface TroubleList {
  data: Trouble[];
  openCounts: Record<Trouble["kind"], number>;
  openCount: number;
  acknowledgedCount: number;
  mutedCount: number;
  complete: boolean;
}

const SHOWN = 12;
const REFRESH_MS = 15_000;

export const troubles = signal<TroubleList | null>(null);

/** Looks again, once something was said of an issue. */
const again = signal<() => void>(() => undefined);

/** How many things want somebody, without those that are acknowledged or muted. */
export const needing = computed(() => troubles.value?.openCount ?? 0);

/** Asked by the shell for all pages, so that the number beside "Overview" is true everywhere. */
export function useTrouble(): Loaded<TroubleList> {
  const loaded = useLoad("trouble", async (signal) => {
    const list = await api.get<TroubleList>("/api/v1/issue", { limit: 50 }, signal);
    troubles.value = list;
    const open = list.openCounts;
    navCounts.value = hot({ "/": list.openCount, "/sources": open.source_refusing, "/webfilters": open.filter_breaker + open.filter_halting });
    return list;
  }, { everyMs: REFRESH_MS });
  again.value = loaded.reload;
  return loaded;
}

function hot(numbers: Record<string, number>): Record<string, { n: number; isHot: boolean }> {
  return Object.fromEntries(Object.entries(numbers).filter(([, n]) => n > 0).map(([to, n]) => [to, { n, isHot: true }]));
}

const LOOK: Record<Trouble["kind"], StatusName> = {
  endpoint_disabled: "attention", filter_breaker: "halting", endpoint_parked: "failing", endpoint_failing: "failing", filter_halting: "halting", source_refusing: "refusing", endpoint_ageing: "waiting",
};

function nameOf(one: Trouble): string {
  if (one.kind === "source_refusing") return one.sourceName ?? "";
  if (one.filterId || one.event) return one.description || one.event || "";
  return endpointName({ description: one.description ?? "", url: one.url ?? "" });
}

/** The page where one can do something about it. */
export function troubleTo(one: Trouble): string {
  const app = `/apps/${part(one.applicationId ?? "")}`;
  if (one.kind === "source_refusing") return `/sources/${part(one.sourceId ?? "")}${one.requestId ? `?request=${part(one.requestId)}` : ""}`;
  if (one.event) return `${app}/chains/${part(one.event)}`;
  if (one.sourceId) return `/sources/${part(one.sourceId)}/endpoints`;
  return `${app}/endpoints/${part(one.endpointId ?? "")}`;
}

/** What the other side says, in its words or in ours. */
function reasonOf(one: Trouble): string {
  if (one.responseStatusCode) return one.responseStatusCode < 400 ? C.trouble.again : C.trouble.answers(one.responseStatusCode);
  return one.error ? C.trouble.stopped(one.error) : C.trouble.noAnswer;
}

function headline(one: Trouble): string {
  const who = one.applicationName ?? one.sourceName ?? "";
  const words: Record<Trouble["kind"], string> = {
    endpoint_disabled: C.trouble.disabled(who, nameOf(one)),
    endpoint_parked: C.trouble.parked(who, nameOf(one)),
    endpoint_failing: C.trouble.failing(who, nameOf(one)),
    endpoint_ageing: C.trouble.ageing(who, nameOf(one)),
    source_refusing: C.trouble.refusing(one.sourceName ?? ""),
    filter_halting: C.trouble.halting(who, one.event ?? ""),
    filter_breaker: C.trouble.breaker(who, nameOf(one)),
  };
  return words[one.kind];
}

function second(one: Trouble): ComponentChildren {
  const waits = one.waitingCount ? C.trouble.wait(one.waitingCount >= 1000 ? `${count(1000)}+` : count(one.waitingCount)) : "";
  const until = one.until ? C.trouble.until(when(one.until)) : "";
  switch (one.kind) {
    case "endpoint_disabled":
      return <bdi>{one.disabledReason === "gone" ? C.trouble.gone : C.trouble.gaveUp}</bdi>;
    case "source_refusing":
      return <bdi>{C.trouble.refused(one.count && one.count >= 100 ? "100+" : count(one.count ?? 0), C.trouble.reasons[one.error ?? ""] ?? (one.error ?? "").replaceAll("_", " "))}</bdi>;
    case "filter_halting":
      return C.trouble.halts(count(one.count ?? 0));
    case "filter_breaker":
      return [C.trouble.inRow(count(one.count ?? 0)), until].filter(Boolean).join(" ");
    default:
      return <bdi>{[reasonOf(one), waits, until].filter(Boolean).join(" ")}</bdi>;
  }
}

type Deed = "acknowledge" | "mute";

const HOUR_MS = 3_600_000;

function issuePath(one: Trouble, deed: Deed | "reopen"): string {
  return `/api/v1/issue/${part(one.issueId)}/${deed}`;
}

/** Says that one looks after an issue, or that it is not to be shown for a while. */
function MarkDialog({ one, deed, onClose }: { one: Trouble; deed: Deed; onClose: () => void }): JSX.Element {
  const [note, setNote] = useState(one.note ?? "");
  const [hours, setHours] = useState<string>("8");
  const { isBusy, error, run } = useAct();
  const words = C.issue[deed];
  const go = async () => {
    const until = new Date(Date.now() + Number(hours) * HOUR_MS).toISOString();
    const isDone = await run(async () => { await api.post(issuePath(one, deed), { note: note.trim() || null, ...(deed === "mute" ? { until } : {}) }); });
    if (!isDone) return;
    toast.say(words.done);
    onClose();
    again.value();
  };
  return (
    <Dialog title={words.title} onClose={onClose} onSubmit={go}
      footer={<><span class="grow" /><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy}>{words.act}</Button></>}>
      <p><b><bdi>{headline(one)}</bdi></b></p>
      <p>{words.text}</p>
      {deed === "mute" && <Field label={C.issue.span}><Select value={hours} options={C.issue.spans} onValue={setHours} data-first="" /></Field>}
      <Field label={C.issue.note} hint={C.issue.noteHint}><Input value={note} onValue={setNote} maxLength={500} data-first={deed === "acknowledge" ? "" : undefined} /></Field>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

/** Who said what of it, and until when that holds. */
function Said({ one }: { one: Trouble }): JSX.Element | null {
  if (one.state === "open" || !one.at) return null;
  const who = one.by?.name || C.issue.somebody;
  const words = one.state === "muted" ? C.issue.mutedBy(who, when(one.mutedUntil ?? one.at, false)) : C.issue.acknowledgedBy(who, when(one.at, false));
  return <span class="l2"><Icon name={one.state === "muted" ? "mute" : "ok"} small /> <bdi>{words}</bdi>{one.note && <> <q><bdi>{one.note}</bdi></q></>}</span>;
}

function Deeds({ one }: { one: Trouble }): JSX.Element | null {
  const [deed, open] = useState<Deed | null>(null);
  const { error, run, clear } = useAct();
  if (!may("change")) return null;
  const reopen = () => void run(async () => {
    await api.post(issuePath(one, "reopen"), {});
    again.value();
  });
  return (
    <>
      <Menu label={C.issue.menu(headline(one))}>
        {one.state !== "acknowledged" && <MenuItem icon="ok" onClick={() => open("acknowledge")}>{C.issue.acknowledge.item}</MenuItem>}
        <MenuItem icon="mute" onClick={() => open("mute")}>{one.state === "muted" ? C.issue.muteLonger : C.issue.mute.item}</MenuItem>
        {one.state !== "open" && <MenuItem icon="bell" onClick={reopen}>{C.issue.reopen}</MenuItem>}
      </Menu>
      {deed && <MarkDialog one={one} deed={deed} onClose={() => open(null)} />}
      {error != null && <Dialog title={C.issue.reopen} onClose={clear} footer={<button type="button" class="btn" data-first="" onClick={clear}>{W.dialog.close}</button>}><ErrorPanel error={error} /></Dialog>}
    </>
  );
}

function Row({ one, points }: { one: Trouble; points: WaterPoint[] | null }): JSX.Element {
  const to = troubleTo(one);
  const begun = one.since ?? one.oldestWaitingAt;
  const hasFix = one.kind === "source_refusing";
  return (
    <li class="inc" data-row="" tabIndex={-1}>
      <div class="inc-st"><Status bare={one.state !== "open"} is={LOOK[one.kind]}>{C.trouble.kinds[one.kind]}</Status></div>
      <div class="inc-t"><Link class="main-link" to={to}><bdi>{headline(one)}</bdi></Link><span class="l2">{second(one)}</span><Said one={one} /></div>
      <div class="inc-s">{points && <Spark label={headline(one)} points={points} />}</div>
      <div class="inc-a">{begun && <><b>{duration(now.value - new Date(begun).getTime())}</b><span class="l2">{C.trouble.since(when(begun, false))}</span></>}</div>
      <div class="inc-b"><LinkButton small to={to}>{hasFix ? C.trouble.explain : C.trouble.open}</LinkButton><Deeds one={one} /></div>
    </li>
  );
}

/** The last hours of those endpoints and sources that have trouble. */
function useTroubleSparks(list: readonly Trouble[]): (one: Trouble) => WaterPoint[] | null {
  const query = { from: "now-6h", step: "15m" };
  const endpoints = useSparks("endpoint", list.flatMap((one) => one.endpointId ?? []), "delivered,attempts4xx,attempts5xx,attemptsNone", query);
  const sources = useSparks("source", list.flatMap((one) => (one.kind === "source_refusing" ? one.sourceId ?? [] : [])), "requestsAccepted,requestsRejected", query);
  return (one) => {
    const source = one.kind === "source_refusing" ? sources.get(one.sourceId ?? "") : undefined;
    if (source) return waterPoints(source.range, source.series, "requestsAccepted", ["requestsRejected"]);
    const endpoint = endpoints.get(one.endpointId ?? "");
    return endpoint ? waterPoints(endpoint.range, endpoint.series, "delivered", ["attempts4xx", "attempts5xx", "attemptsNone"]) : null;
  };
}

/** Open ones and acknowledged ones; muted ones are folded, and counted where everybody sees it. */
export function TroubleList({ list }: { list: TroubleList }): JSX.Element {
  const [isMutedShown, setMutedShown] = useState(false);
  const shown = list.data.filter((one) => isMutedShown || one.state !== "muted").slice(0, isMutedShown ? list.data.length : SHOWN);
  const all = list.openCount + list.acknowledgedCount + (isMutedShown ? list.mutedCount : 0);
  const pointsOf = useTroubleSparks(shown);
  const quietly = list.mutedCount > 0 && <button type="button" class="linkish end" aria-expanded={isMutedShown} onClick={() => setMutedShown(!isMutedShown)}>{isMutedShown ? C.trouble.hideMuted : C.trouble.showMuted(list.mutedCount)}</button>;
  if (!shown.length) return <Calm>{quietly}</Calm>;
  return (
    <section class="panel incs" aria-label={C.trouble.title}>
      <ul>{shown.map((one) => <Row key={one.issueId} one={one} points={pointsOf(one)} />)}</ul>
      <footer>{all > shown.length ? C.trouble.more(all - shown.length) : list.complete ? <><Icon name="ok" small class="good" /> {C.trouble.nothingElse}</> : C.trouble.notAll}{quietly}</footer>
    </section>
  );
}

/** Nothing is wrong: the anchor holds. */
function Calm({ children }: { children?: ComponentChildren }): JSX.Element {
  return (
    <section class="panel calm" aria-label={C.trouble.title}>
      <svg class="art" viewBox="0 0 224 112" aria-hidden="true" focusable="false"><path class="f" d="M0 62c18-8 38-8 56 0s38 8 56 0 38-8 56 0 38 8 56 0v50H0z" /><path class="b" d="M0 62c18-8 38-8 56 0s38 8 56 0 38-8 56 0 38 8 56 0" /><path class="a" d="M112 26a7 7 0 1 0 .1 0zM112 40v50M88 66c0 14 10 24 24 24s24-10 24-24M83 72l5-7 7 4M141 72l-5-7-7 4" /></svg>
      <div class="grow"><h2>{C.overview.nothing}</h2><p class="soft">{C.overview.nothingText}</p>{children}</div>
    </section>
  );
}
