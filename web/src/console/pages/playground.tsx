// SPDX-License-Identifier: Apache-2.0
// The playground: a signature, a filter or a transform, tried without any effect. The address says from which message
// it begins, never what was typed.
import "../first";
import type { ComponentChildren, JSX } from "preact";
import { api, Button, ErrorPanel, Field, part, query, Select, setQuery, Tabs, toast, useAct, useLoad, type List, type Raw } from "../../kit";
import { pretty } from "../../kit/json";
import { FilterBench, type Sample } from "../../play/filter";
import { objectOf } from "../../play/json";
import { SignatureBench, type SignatureSample, type Way } from "../../play/signature";
import { TransformBench } from "../../play/transform";
import { RulesTrial } from "../../play/trial";
import { C } from "../../words/console_filters";
import { Y } from "../../words/play";
import { endpointName, endpointPath, appPath, Shown } from "../common";
import { usePage } from "../shell";
import type { Attempt, Endpoint, Message, MessageExplanation } from "../types";
import { ChainTab } from "./play_chain";

type Tab = "signature" | "filter" | "transform" | "chain";

interface Start {
  sample: Sample;
  signature: Omit<SignatureSample, "way">;
  endpoints: Endpoint[];
  endpoint: Endpoint | null;
  filter: string | null;
  transform: string;
  /** What it was loaded for: fields begin anew with another. */
  from: string;
}

const EMPTY: Omit<Start, "from"> = { sample: { body: "", type: "", headers: "" }, signature: { headers: "", body: "", at: "" }, endpoints: [], endpoint: null, filter: null, transform: "" };

/** What an attempt sent: its headers are kept, and its body is the payload, or what the transform makes of it. */
async function attemptOf(app: string, message: string, payload: string, attempt: string, signal: AbortSignal): Promise<Start["signature"]> {
  const path = `${appPath(app)}/msg/${part(message)}`;
  const one = await api.get<Attempt>(`${path}/attempt/${part(attempt)}`, undefined, signal);
  const explained = await api.raw<MessageExplanation>(`${path}/explain`, { endpoint_id: one.endpointId }, signal);
  const made = explained.value.data[0]?.now.transform;
  const changed = made?.ran && made.body !== null ? explained.raw("data", 0, "now", "transform", "body") : null;
  return { headers: one.requestHeaders?.trim() ?? "", body: changed ?? payload, at: one.timestamp };
}

/** An endpoint's filter as it was written, with lines; without one an empty text. */
function filterOf(own: Raw<Endpoint>): string {
  const text = own.raw("filter");
  return text === null || text === "null" ? "" : pretty(text);
}

async function startOf(app: string | null, from: string, signal: AbortSignal): Promise<Start> {
  const at = query.value, message = at.get("message"), attempt = at.get("attempt"), endpoint = at.get("endpoint");
  if (!app) return { ...EMPTY, from };
  const [list, raw, own] = await Promise.all([
    api.get<List<Endpoint>>(`${appPath(app)}/endpoint`, { limit: 250 }, signal),
    message ? api.raw<Message>(`${appPath(app)}/msg/${part(message)}`, undefined, signal) : null,
    endpoint ? api.raw<Endpoint>(endpointPath(app, endpoint), undefined, signal) : null,
  ]);
  const payload = raw?.raw("payload") ?? "";
  return {
    sample: { body: payload, type: raw?.value.eventType ?? "", headers: "" },
    signature: message && attempt ? await attemptOf(app, message, payload, attempt, signal) : { headers: "", body: payload, at: "" },
    endpoints: list.data,
    endpoint: own?.value ?? null,
    filter: own && filterOf(own),
    transform: own?.value.transform ?? "",
    from,
  };
}

interface Preset {
  name: string;
  title: string;
}

async function presets(signal: AbortSignal): Promise<Preset[]> {
  const all: Preset[] = [];
  for (let iterator: string | null | undefined; ;) {
    const page: List<Preset> = await api.get<List<Preset>>("/ingest/api/v1/preset", { limit: 250, iterator }, signal);
    all.push(...page.data);
    if (page.done) return all;
    iterator = page.iterator;
  }
}

function waysOf(app: string | null, endpoints: readonly Endpoint[], known: readonly Preset[]): Way[] {
  return [
    ...endpoints.map((one): Way => ({ key: one.id, label: endpointName(one), group: "endpoints", body: { appId: app!, endpointId: one.id }, hasOwn: true })),
    ...known.map((one): Way => ({ key: `preset ${one.name}`, label: one.title, group: "presets", body: { preset: one.name } })),
  ];
}

function SignatureTab({ app, start }: { app: string | null; start: Start }): JSX.Element {
  const known = useLoad("presets all", presets);
  return (
    <Shown loaded={known}>
      {(list) => <SignatureBench ways={waysOf(app, start.endpoints, list)} start={{ ...start.signature, way: start.endpoint?.id ?? (start.endpoints.length ? "" : "preset standard-webhooks") }} />}
    </Shown>
  );
}

/** The endpoint that a rule can be saved for, with the trial on what was sent lately. */
function SaveFor({ app, endpoint, member, text, isOff }: { app: string; endpoint: Endpoint; member: string; text: string; isOff: boolean }): JSX.Element {
  const { isBusy, error, run } = useAct();
  const name = endpointName(endpoint), path = endpointPath(app, endpoint.id);
  const save = () => void run(async () => {
    await api.patchText(path, objectOf({ [member]: text }));
    toast.say(Y.saved(name));
  });
  return (
    <div class="stack mt">
      <RulesTrial path={path} members={{ [member]: text }} isOff={isOff} messageTo={(id) => `/apps/${part(app)}/messages/${part(id)}`} />
      <div class="row end"><Button needs="change" kind="primary" busy={isBusy} disabled={isOff} onClick={save}>{Y.save(name)}</Button></div>
      {error != null && <ErrorPanel error={error} />}
    </div>
  );
}

/** Changing the endpoint begins with its own rule. */
function WhichEndpoint({ start }: { start: Start }): JSX.Element | null {
  if (!start.endpoints.length) return null;
  return <Field label={Y.whereTo}><Select value={start.endpoint?.id ?? ""} options={[["", Y.nowhere], ...start.endpoints.map((one) => [one.id, endpointName(one)] as const)]} onValue={(id) => setQuery({ endpoint: id || null }, { replace: true })} /></Field>;
}

function RuleTab({ start, children }: { start: Start; children: ComponentChildren }): JSX.Element {
  return <><div class="narrowfield"><WhichEndpoint start={start} /></div>{children}</>;
}

export function Playground(): JSX.Element {
  const tab = (query.value.get("tab") ?? "signature") as Tab, app = query.value.get("app");
  const from = ["message", "attempt", "endpoint"].map((name) => query.value.get(name) ?? "").join(" ");
  const loaded = useLoad(`playground ${app} ${from}`, (signal) => startOf(app, from, signal));
  usePage(Y.title);
  const to = (key: Tab) => {
    const next = new URLSearchParams(query.value);
    next.set("tab", key);
    return `/playground?${next.toString()}`;
  };
  return (
    <>
      <div class="phead"><h1>{Y.title}<span class="h-sub">{tab === "chain" ? C.step.lead : Y.lead}</span></h1></div>
      <Tabs label={Y.tabsLabel} at={tab} tabs={[...(Object.keys(Y.tabs) as (keyof typeof Y.tabs)[]).map((key) => ({ key, label: Y.tabs[key], to: to(key) })), { key: "chain", label: C.step.tab, to: to("chain") }]} />
      {tab === "chain" ? <ChainTab /> : <Shown loaded={loaded}>
        {(start) => {
          const key = start.from, endpoint = start.endpoint;
          if (tab === "filter") {
            return <RuleTab start={start}><FilterBench key={key} start={start.sample} filter={start.filter} extra={(text, problem) => endpoint && app && <SaveFor app={app} endpoint={endpoint} member="filter" text={text.trim() || "null"} isOff={!!problem} />} /></RuleTab>;
          }
          if (tab === "transform") {
            return <RuleTab start={start}><TransformBench key={key} start={start.sample} program={start.transform} extra={(text) => endpoint && app && <SaveFor app={app} endpoint={endpoint} member="transform" text={text.trim() ? JSON.stringify(text) : "null"} isOff={false} />} /></RuleTab>;
          }
          return <SignatureTab key={key} app={app} start={start} />;
        }}
      </Shown>}
    </>
  );
}
