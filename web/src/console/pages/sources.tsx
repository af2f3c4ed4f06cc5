// SPDX-License-Identifier: Apache-2.0
// All sources, and how one is made.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, count, Dialog, Empty, ErrorPanel, Field, Input, Link, navigate, pageIterator, Pager, part, Spark, Status, Table, TextArea, Time, toast, useAct, useLoad, type Column, type List, type StatusName } from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_sources";
import { usePage } from "../shell";
import { eachOf } from "../common";
import { measure, useSparks, waterPoints } from "../series";
import type { Source, SourceRequest } from "../types";
import { sourcePath } from "./source_path";

export interface Preset {
  name: string;
  title: string;
  proof: string;
  secret: { kind: string; isRequired: boolean; isPublicKey: boolean; isLearned: boolean; hasCompanion: boolean };
  steps: string[];
  notes: string[];
}

export async function loadPresets(signal: AbortSignal): Promise<Preset[]> {
  const all: Preset[] = [];
  let iterator: string | null = null;
  do {
    const page: List<Preset> = await api.get<List<Preset>>("/ingest/api/v1/preset", { limit: 250, iterator }, signal);
    all.push(...page.data);
    iterator = page.done ? null : page.iterator ?? null;
  } while (iterator);
  return all;
}

const STATES: Record<string, StatusName> = { active: "accepted", paused: "paused", pending: "waiting", broken: "attention" };

export function SourceState({ source }: { source: Source }): JSX.Element {
  return <Status is={STATES[source.state] ?? "waiting"}>{C.sources.states[source.state] ?? source.state}</Status>;
}

const LASTS_AT_MOST = 40;

/** When something last came in at each; the first of a page only. */
function useLastRequests(sources: readonly Source[]): ReadonlyMap<string, SourceRequest | undefined> {
  const ids = sources.slice(0, LASTS_AT_MOST).map((one) => one.id);
  const loaded = useLoad(`last requests ${ids.join()}`, async (signal) => {
    const found = await eachOf(ids, 3, (id) => api.get<List<SourceRequest>>(`${sourcePath(id)}/request`, { limit: 1 }, signal));
    return new Map(ids.map((id, i) => [id, found[i]?.data[0]]));
  }, { isOff: ids.length === 0, everyMs: 30_000 });
  return loaded.data ?? new Map();
}

interface Beside {
  sparks: ReturnType<typeof useSparks>;
  lasts: ReadonlyMap<string, SourceRequest | undefined>;
}

function columnsOf({ sparks, lasts }: Beside): readonly Column<Source>[] {
  const total = (source: Source, name: string) => measure(sparks.get(source.id)?.series, name)?.total ?? 0;
  return [
    { key: "name", head: C.sources.name, class: "c-first", cell: (source) => <><Link class="main-link" to={`/sources/${part(source.id)}`}><bdi>{source.name}</bdi></Link><span class="l2 mono trunc"><bdi>{source.uid ?? source.id}</bdi></span></> },
    { key: "type", head: C.sources.type, class: "c-lg", cell: (source) => <bdi class="trunc block">{source.type}</bdi> },
    { key: "state", head: C.sources.state, class: "c-st", cell: (source) => <SourceState source={source} /> },
    { key: "trend", head: C.apps.last24, class: "c-lg c-sp", cell: (source) => { const spark = sparks.get(source.id); return spark && <Spark label={C.sources.trend(count(total(source, "requestsAccepted")), count(total(source, "requestsRejected")))} points={waterPoints(spark.range, spark.series, "requestsAccepted", ["requestsRejected"])} />; } },
    { key: "in", head: C.sources.accepted, isNum: true, class: "c-lg", cell: (source) => (sparks.size ? count(total(source, "requestsAccepted")) : "") },
    { key: "out", head: C.sources.refused, isNum: true, class: "c-lg", cell: (source) => (sparks.size ? <span class={total(source, "requestsRejected") ? "bad" : ""}>{count(total(source, "requestsRejected"))}</span> : "") },
    { key: "last", head: C.sources.lastRequest, isNum: true, cell: (source) => { const last = lasts.get(source.id); return last ? <Time at={last.timestamp} rel /> : <span class="muted">–</span>; } },
  ];
}

export function Sources(): JSX.Element {
  usePage(C.nav.sources);
  const iterator = pageIterator();
  const list = useLoad(`sources ${iterator}`, (signal) => api.get<List<Source>>("/ingest/api/v1/source", { limit: 100, iterator }, signal));
  const [isCreating, setCreating] = useState(false);
  const rows = list.data?.data;
  const sparks = useSparks("source", rows?.map((source) => source.id) ?? [], "requestsAccepted,requestsRejected");
  const columns = columnsOf({ sparks, lasts: useLastRequests(rows ?? []) });
  return (
    <>
      <div class="phead">
        <h1 class="grow">{C.sources.title}<span class="h-sub">{C.sources.sub}</span></h1>
        <Button needs="change" kind="primary" icon="plus" onClick={() => setCreating(true)}>{C.sources.new}</Button>
      </div>
      {list.error != null && <ErrorPanel error={list.error} onRetry={list.reload} />}
      {rows && rows.length === 0 && !iterator
        ? <div class="panel"><Empty title={C.sources.empty} actions={<Button needs="change" kind="primary" onClick={() => setCreating(true)}>{C.sources.new}</Button>}>{C.sources.emptyText}</Empty></div>
        : <div class="panel flush inset clipx"><Table label={C.sources.title} columns={columns} rows={rows} rowKey={(source) => source.id} rowTo={(source) => `/sources/${part(source.id)}`} isSlow={list.isSlow} /></div>}
      <Pager list={list.data} />
      {isCreating && <SourceDialog onClose={() => setCreating(false)} />}
    </>
  );
}

/** What to do at the provider, a sentence each. */
export function ProviderSteps({ preset }: { preset: Preset }): JSX.Element {
  return (
    <>
      {preset.steps.length > 0 && <div class="field"><span>{C.sources.steps}</span><ol class="plainlist">{preset.steps.map((step) => <li>{step}</li>)}</ol></div>}
      {preset.notes.length > 0 && <details class="fold-more"><summary>{C.sources.notes}</summary><ul class="plainlist mt-2">{preset.notes.map((note) => <li>{note}</li>)}</ul></details>}
    </>
  );
}

function SecretFields({ preset, secret, companion, onSecret, onCompanion }: { preset: Preset; secret: string; companion: string; onSecret: (value: string) => void; onCompanion: (value: string) => void }): JSX.Element {
  const { kind, isLearned, hasCompanion, isPublicKey } = preset.secret;
  if (kind === "none") return <p class="hint">{C.sources.secretKinds["none"]}</p>;
  const hint = isLearned ? C.sources.learned : `${C.sources.secretKinds[kind] ?? ""}. ${C.sources.secretHint}`;
  return (
    <>
      <Field label={C.sources.secret} hint={hint}>
        {kind === "pem" ? <TextArea mono value={secret} onValue={onSecret} /> : <Input type={isPublicKey ? "text" : "password"} mono value={secret} onValue={onSecret} autocomplete="off" />}
      </Field>
      {hasCompanion && <Field label={C.sources.companion}><Input type="password" mono value={companion} onValue={onCompanion} autocomplete="off" /></Field>}
    </>
  );
}

function SourceDialog({ onClose }: { onClose: () => void }): JSX.Element {
  const presets = useLoad("presets", loadPresets);
  const [name, setName] = useState("");
  const [type, setType] = useState("");
  const [secret, setSecret] = useState("");
  const [companion, setCompanion] = useState("");
  const { isBusy, error, run } = useAct();
  const preset = presets.data?.find((one) => one.name === type.trim());
  const create = async () => {
    let made: Source | undefined;
    const isDone = await run(async () => {
      const config = { ...(secret.trim() ? { secret: secret.trim() } : {}), ...(companion.trim() ? { companion: companion.trim() } : {}) };
      made = await api.post<Source>("/ingest/api/v1/source", { name: name.trim() || preset?.title || type.trim(), type: type.trim() || "generic-webhook", ...(Object.keys(config).length ? { config } : {}) });
    });
    if (!isDone || !made) return;
    onClose();
    toast.say(C.sources.created2(made.name));
    navigate(`/sources/${part(made.id)}/settings`);
  };
  return (
    <Dialog wide title={C.sources.new} onClose={onClose} onSubmit={create}
      footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!type.trim()}>{C.common.create}</Button></>}>
      <Field label={C.sources.chooseType} hint={preset ? preset.title : C.sources.typeHint}><Input mono value={type} onValue={setType} list="presets" data-first="" /></Field>
      <datalist id="presets">{presets.data?.map((one) => <option value={one.name}>{one.title}</option>)}</datalist>
      <Field label={C.sources.name}><Input value={name} onValue={setName} placeholder={preset?.title} /></Field>
      {preset && <SecretFields preset={preset} secret={secret} companion={companion} onSecret={setSecret} onCompanion={setCompanion} />}
      {preset && <ProviderSteps preset={preset} />}
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}
