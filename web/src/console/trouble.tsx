// SPDX-License-Identifier: Apache-2.0
// What is wrong now, worst first: each in a sentence, since when, and what to do about it.
import { computed, signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { api, count, duration, Icon, IconButton, keep, kept, Link, LinkButton, now, part, Spark, Status, toast, useLoad, when, type Loaded, type StatusName, type WaterPoint } from "../kit";
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
}

export interface TroubleList {
  data: Trouble[];
  counts: Record<Trouble["kind"], number>;
  complete: boolean;
}

const SHOWN = 12;
const REFRESH_MS = 15_000;

export const troubles = signal<TroubleList | null>(null);

/** What somebody has seen and does not want to be told of for a while, until when; kept in this browser. */
const muted = signal<Record<string, number>>(readMuted());
const MUTED_MS = 8 * 3_600_000;

function readMuted(): Record<string, number> {
  try {
    const all = JSON.parse(kept("muted") ?? "{}") as Record<string, number>;
    return Object.fromEntries(Object.entries(all).filter(([, until]) => until > Date.now()));
  } catch {
    return {};
  }
}

/** The same trouble that begins anew is another one. */
function keyOf(one: Trouble): string {
  return [one.kind, one.endpointId ?? one.sourceId ?? "", one.filterId ?? one.event ?? "", one.since ?? ""].join(" ");
}

function setMuted(next: Record<string, number>): void {
  muted.value = next;
  keep("muted", Object.keys(next).length ? JSON.stringify(next) : null);
}

function mute(one: Trouble): void {
  setMuted({ ...muted.value, [keyOf(one)]: Date.now() + MUTED_MS });
}

function unmute(one: Trouble): void {
  setMuted(Object.fromEntries(Object.entries(muted.value).filter(([key]) => key !== keyOf(one))));
}

function isMuted(one: Trouble): boolean {
  return (muted.value[keyOf(one)] ?? 0) > now.value;
}

/** How many things want somebody, without those that are muted. */
export const needing = computed(() => {
  const list = troubles.value;
  if (!list) return 0;
  return Object.values(list.counts).reduce((sum, n) => sum + n, 0) - list.data.filter(isMuted).length;
});

/** Asked by the shell for all pages, so that the number beside "Overview" is true everywhere. */
export function useTrouble(): Loaded<TroubleList> {
  return useLoad("trouble", async (signal) => {
    const list = await api.get<TroubleList>("/api/v1/trouble", { limit: 50 }, signal);
    troubles.value = list;
    const quiet = list.data.filter(isMuted);
    const sum = (...kinds: Trouble["kind"][]) => kinds.reduce((all, kind) => all + list.counts[kind] - quiet.filter((one) => one.kind === kind).length, 0);
    navCounts.value = hot({ "/": sum(...(Object.keys(list.counts) as Trouble["kind"][])), "/sources": sum("source_refusing"), "/webfilters": sum("filter_breaker", "filter_halting") });
    return list;
  }, { everyMs: REFRESH_MS });
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

function Row({ one, points }: { one: Trouble; points: WaterPoint[] | null }): JSX.Element {
  const to = troubleTo(one);
  const begun = one.since ?? one.oldestWaitingAt;
  const hasFix = one.kind === "source_refusing";
  return (
    <li class="inc" data-row="" tabIndex={-1}>
      <div class="inc-st"><Status is={LOOK[one.kind]}>{C.trouble.kinds[one.kind]}</Status></div>
      <div class="inc-t"><Link class="main-link" to={to}><bdi>{headline(one)}</bdi></Link><span class="l2">{second(one)}</span></div>
      <div class="inc-s">{points && <Spark label={headline(one)} points={points} />}</div>
      <div class="inc-a">{begun && <><b>{duration(now.value - new Date(begun).getTime())}</b><span class="l2">{C.trouble.since(when(begun, false))}</span></>}</div>
      <div class="inc-b"><LinkButton small to={to}>{hasFix ? C.trouble.explain : C.trouble.open}</LinkButton>{isMuted(one) ? <IconButton small name="bell" label={C.trouble.unmute} onClick={() => unmute(one)} /> : <IconButton small name="mute" label={C.trouble.mute} onClick={() => { mute(one); toast.say(C.trouble.mutedDone, () => unmute(one)); }} />}</div>
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

export function TroubleList({ list }: { list: TroubleList }): JSX.Element {
  const [areAllShown, setAllShown] = useState(false);
  const quiet = list.data.filter(isMuted);
  const shown = (areAllShown ? list.data : list.data.filter((one) => !isMuted(one))).slice(0, SHOWN);
  const all = Object.values(list.counts).reduce((sum, n) => sum + n, 0) - (areAllShown ? 0 : quiet.length);
  const pointsOf = useTroubleSparks(shown);
  const quietly = quiet.length > 0 && <button type="button" class="linkish end" onClick={() => setAllShown(!areAllShown)}>{areAllShown ? C.trouble.hideMuted : C.trouble.showMuted(quiet.length)}</button>;
  if (!shown.length) return <Calm>{quietly}</Calm>;
  return (
    <section class="panel incs" aria-label={C.trouble.title}>
      <ul>{shown.map((one) => <Row key={keyOf(one)} one={one} points={pointsOf(one)} />)}</ul>
      <footer>{all > shown.length ? C.trouble.more(all - shown.length) : <><Icon name="ok" small class="good" /> {C.trouble.nothingElse}</>}{quietly}</footer>
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
