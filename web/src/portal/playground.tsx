// SPDX-License-Identifier: Apache-2.0
// The playground: a signature, a filter or a program, tried without any effect. What may be saved, and whether the
// secrets of one's own endpoints count, the link says.
import type { JSX } from "preact";
import { pretty } from "../kit/json";
import { FilterBench, type Sample } from "../play/filter";
import { objectOf } from "../play/json";
import { SignatureBench, type SignatureSample, type Way } from "../play/signature";
import { TransformBench } from "../play/transform";
import { RulesTrial } from "../play/trial";
import { Y } from "../words/play";
import { attempts, Button, type Endpoint, endpointPath, endpoints, ErrorPanel, isHidden, may, messages, nameOf, query, Select, session, setQuery, SkelLines, Tabs, toast, useAct, useLoad } from "./common";
import { M } from "./words-more";

type Tab = "signature" | "filter" | "transform";

interface Start {
  list: Endpoint[];
  endpoint: Endpoint | null;
  filter: string | null;
  sample: Sample;
  signature: Omit<SignatureSample, "way">;
  /** What it was loaded for: fields begin anew with another. */
  from: string;
}

function filterOf(text: string | null): string {
  return text === null || text === "null" ? "" : pretty(text);
}

async function startOf(from: string, signal: AbortSignal): Promise<Start> {
  const at = query.value, message = at.get("event"), attempt = at.get("try"), endpoint = at.get("endpoint");
  const [list, raw, own, sent] = await Promise.all([
    endpoints.list(signal),
    message ? messages.get(message, signal) : null,
    endpoint ? endpoints.raw(endpoint, signal) : null,
    message && attempt ? attempts.one(message, attempt, signal) : null,
  ]);
  const payload = raw?.raw("payload") ?? "";
  return {
    list: list.data,
    endpoint: own?.value ?? null,
    from,
    filter: own && filterOf(own.raw("filter")),
    sample: { body: payload, type: raw?.value.eventType ?? "", headers: "" },
    signature: { body: payload, headers: sent?.requestHeaders?.trim() ?? "", at: sent?.timestamp ?? "" },
  };
}

/** An application's link may not list the presets of sources; those that its own endpoints sign by are enough. */
function waysOf(list: readonly Endpoint[]): Way[] {
  const hasOwn = may("ViewEndpointSecret");
  return [
    ...list.map((one): Way => ({ key: one.id, label: nameOf(one), group: "endpoints", body: { appId: session.value!.appId, endpointId: one.id }, hasOwn })),
    { key: "standard", label: "Standard Webhooks", group: "presets", body: { preset: "standard-webhooks" } },
    { key: "svix", label: "Svix", group: "presets", body: { preset: "svix" } },
  ];
}

function SaveFor({ endpoint, member, text, isOff }: { endpoint: Endpoint; member: "filter" | "transform"; text: string; isOff: boolean }): JSX.Element {
  const { isBusy, error, run } = useAct();
  const canSave = member === "filter" ? may("ManageEndpoint") : may("ManageTransformations");
  const name = nameOf(endpoint);
  const save = () => void run(async () => {
    if (member === "filter") await endpoints.patchText(endpoint.id, objectOf({ filter: text }));
    else await endpoints.patchTransformation(endpoint.id, { code: JSON.parse(text) as string | null, enabled: text !== "null" });
    toast.say(Y.saved(name));
  });
  return (
    <div class="stack pfoot">
      {(member === "filter" || canSave) && <RulesTrial path={endpointPath(endpoint.id)} members={{ [member]: text }} isOff={isOff} messageTo={(id) => `/messages/${encodeURIComponent(id)}`} />}
      {canSave && <div class="row"><span class="grow" /><Button kind="primary" busy={isBusy} disabled={isOff} onClick={save}>{Y.save(name)}</Button></div>}
      {error != null && <ErrorPanel error={error} />}
    </div>
  );
}

function Shown({ start, tab }: { start: Start; tab: Tab }): JSX.Element {
  const { endpoint } = start;
  if (tab === "signature") return <SignatureBench ways={waysOf(start.list)} start={{ ...start.signature, way: endpoint?.id ?? "" }} canOwn={false} />;
  return (
    <>
      {start.list.length > 0 && <div class="filterrow"><Select label={Y.whereTo} value={endpoint?.id ?? ""} options={[["", Y.nowhere], ...start.list.map((one) => [one.id, nameOf(one)] as const)]} onValue={(id) => setQuery({ endpoint: id || null }, { replace: true })} /></div>}
      {tab === "filter"
        ? <FilterBench start={start.sample} filter={start.filter} extra={(text, problem) => endpoint && <SaveFor endpoint={endpoint} member="filter" text={text.trim() || "null"} isOff={!!problem} />} />
        : <TransformBench start={start.sample} program={endpoint?.transform ?? ""} extra={(text) => endpoint && <SaveFor endpoint={endpoint} member="transform" text={text.trim() ? JSON.stringify(text) : "null"} isOff={false} />} />}
    </>
  );
}

export function PlaygroundPage(): JSX.Element {
  const keys = (Object.keys(Y.tabs) as Tab[]).filter((key) => key !== "transform" || !isHidden("transforms"));
  const asked = query.value.get("tab") as Tab, tab = keys.includes(asked) ? asked : "signature";
  const from = ["event", "try", "endpoint"].map((name) => query.value.get(name) ?? "").join(" ");
  const start = useLoad(`playground ${from}`, (signal) => startOf(from, signal));
  const to = (key: Tab): string => {
    const next = new URLSearchParams(query.value);
    next.set("tab", key);
    return `/playground?${next.toString()}`;
  };
  return (
    <>
      <div class="phd"><div class="grow"><h1>{M.playground.title}</h1><p class="soft">{Y.lead}</p></div></div>
      <div class="subtabs"><Tabs label={Y.tabsLabel} at={tab} tabs={keys.map((key) => ({ key, label: Y.tabs[key], to: to(key) }))} /></div>
      {start.error != null && <ErrorPanel error={start.error} onRetry={start.reload} />}
      {start.data ? <Shown key={`${tab} ${start.data.from}`} start={start.data} tab={tab} /> : start.isSlow ? <SkelLines n={6} /> : null}
    </>
  );
}
