// SPDX-License-Identifier: Apache-2.0
// Takes the settings of a site's plugin over from a dump: first what would change, then the change. The server says
// what each row becomes, as it does for the command; what is there already is left as it is.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Copy, Dialog, ErrorPanel, part, Status, useAct, type List } from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_integrations";
import { appPath } from "../common";
import type { Endpoint, FilterChain, Json } from "../types";
import { loadFilters } from "./filters";

interface DumpRow {
  kind: "webhook" | "webfilter" | "other";
  pk: number;
  event: string | null;
  takenAs: string | null;
  signal: string | null;
  known: boolean;
  body: { [key: string]: Json } | null;
}

type Fate = "new" | "there" | "unknown";

interface Planned {
  row: DumpRow;
  url: string;
  fate: Fate;
}

async function endpointUids(app: string): Promise<Set<string>> {
  const uids = new Set<string>();
  let iterator: string | null = null;
  do {
    const page: List<Endpoint> = await api.get<List<Endpoint>>(`${appPath(app)}/endpoint`, { limit: 250, iterator });
    for (const one of page.data) if (one.uid) uids.add(one.uid);
    iterator = page.done ? null : page.iterator ?? null;
  } while (iterator);
  return uids;
}

/** The server shows URLs cleaned and without credentials. */
function shownUrl(text: string): string {
  try {
    const url = new URL(text);
    url.username = url.password = "";
    return url.href;
  } catch {
    return text;
  }
}

async function planOf(app: string, text: string): Promise<Planned[]> {
  let rows: unknown;
  try {
    rows = JSON.parse(text);
  } catch {
    rows = null;
  }
  if (!Array.isArray(rows)) throw new Error(C.openedx.notDump);
  const read = await api.post<{ data: DumpRow[] }>("/api/v1/openedx/dump", { rows });
  const ours = read.data.filter((row) => row.kind !== "other");
  if (!ours.length) throw new Error(C.openedx.emptyDump);
  const [uids, filters] = await Promise.all([endpointUids(app), loadFilters(app, null)]);
  const there = new Set(filters.map((one) => `${one.event} ${shownUrl(one.url)}`));
  return ours.map((row) => {
    const url = String(row.body?.["url"] ?? "");
    const isThere = row.kind === "webhook" ? uids.has(String(row.body?.["uid"])) : there.has(`${row.takenAs} ${shownUrl(url)}`);
    return { row, url: shownUrl(url), fate: !row.body ? "unknown" : isThere ? "there" : "new" };
  });
}

async function takeOver(app: string, { row }: Planned): Promise<void> {
  if (row.kind === "webfilter") return void (await api.post(`${appPath(app)}/filter`, row.body));
  await api.put(`/api/v1/event-type/${part(row.takenAs ?? "")}`, { description: row.signal ?? "", groupName: "org.openedx" });
  await api.put(`${appPath(app)}/endpoint/${part(String(row.body?.["uid"]))}`, row.body);
}

/** The URL of a chain, which goes into the plugin; made where it has none. */
async function chainUrl(app: string, event: string): Promise<string> {
  const path = `${appPath(app)}/filter-chain/${part(event)}`;
  const chain = await api.get<FilterChain>(path);
  return chain.url ?? (await api.post<FilterChain>(`${path}/url`, {})).url ?? "";
}

const FATES: Record<Fate, JSX.Element> = {
  new: <Status is="done">{C.openedx.isNew}</Status>,
  there: <Status is="ignored">{C.openedx.isThere}</Status>,
  unknown: <Status is="attention">{C.openedx.isUnknown}</Status>,
};

function noteOf({ row }: Planned): string | null {
  if (row.kind === "webhook") return row.known ? row.takenAs : C.openedx.unknownWebhook;
  if (!row.known) return C.openedx.unknownFilter;
  return row.takenAs !== row.event ? C.openedx.renamed(row.takenAs ?? "") : null;
}

function PlanTable({ plan }: { plan: readonly Planned[] }): JSX.Element {
  return (
    <div class="panel clipx plan" tabIndex={0} role="region" aria-label={C.openedx.becomes}>
      <table class="tbl fixed">
        <thead><tr><th scope="col">{C.openedx.event}</th><th scope="col" class="c-plan">{C.openedx.becomes}</th></tr></thead>
        <tbody>
          {plan.map((one) => (
            <tr key={`${one.row.kind} ${one.row.pk}`}>
              <td><bdi class="trunc block">{one.row.event}</bdi><span class="l2 mono trunc"><bdi>{C.openedx.rowNames[one.row.kind as "webhook" | "webfilter"](one.row.pk)} · {one.url}</bdi></span></td>
              <td class="c-plan">{FATES[one.fate]}{noteOf(one) && <span class="l2"><bdi>{noteOf(one)}</bdi></span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface Outcome {
  done: number;
  failed: { name: string; words: string }[];
  urls: { event: string; url: string }[];
}

function OutcomeView({ outcome }: { outcome: Outcome }): JSX.Element {
  return (
    <div class="stack" role="status">
      <p><Status is={outcome.failed.length ? "attention" : "done"}>{C.openedx.tookOver(outcome.done)}</Status></p>
      {outcome.failed.length > 0 && <div class="note fail"><div class="grow"><b>{C.openedx.failedRows(outcome.failed.length)}</b><ul class="plainlist">{outcome.failed.map((one) => <li><bdi>{one.name}: {one.words}</bdi></li>)}</ul></div></div>}
      {outcome.urls.length > 0 && <><p>{C.openedx.urls}</p>{outcome.urls.map((one) => <div class="field"><span><bdi>{one.event}</bdi></span><span class="secret"><code class="is-shown">{one.url}</code><Copy text={one.url} label={W.copy.url} /></span></div>)}</>}
    </div>
  );
}

export function ImportDump({ app, onClose, onDone }: { app: string; onClose: () => void; onDone: () => void }): JSX.Element {
  const [plan, setPlan] = useState<Planned[] | null>(null);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const { isBusy, error, run } = useAct();
  const wanted = plan?.filter((one) => one.fate === "new") ?? [];
  const read = (file: File | undefined) => void run(async () => {
    setPlan(null);
    if (file) setPlan(await planOf(app, await file.text()));
  });
  const go = () => void run(async () => {
    const made: Outcome = { done: 0, failed: [], urls: [] };
    for (const one of wanted) {
      try {
        await takeOver(app, one);
        made.done++;
      } catch (failure) {
        made.failed.push({ name: C.openedx.rowNames[one.row.kind as "webhook" | "webfilter"](one.row.pk), words: failure instanceof Error ? failure.message : String(failure) });
      }
    }
    const events = new Set(plan?.filter((one) => one.row.kind === "webfilter" && one.row.takenAs).map((one) => one.row.takenAs!));
    for (const event of events) made.urls.push({ event, url: await chainUrl(app, event) });
    setOutcome(made);
    onDone();
  });
  return (
    <Dialog wide title={C.openedx.importTitle} onClose={onClose} isModal={isBusy} onSubmit={outcome || !wanted.length ? onClose : go}
      footer={outcome ? <Button kind="primary" type="submit">{W.dialog.close}</Button> : (
        <><Button kind="quiet" disabled={isBusy} onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!wanted.length}>{C.openedx.takeOver(wanted.length)}</Button></>
      )}>
      {outcome ? <OutcomeView outcome={outcome} /> : (
        <>
          <p>{C.openedx.importText}</p>
          <label class="field"><span>{C.openedx.file}</span><input type="file" class="input file" accept="application/json,.json" data-first="" onChange={(event) => read(event.currentTarget.files?.[0])} /></label>
          {plan && <PlanTable plan={plan} />}
          {plan && !wanted.length && <p class="soft">{C.openedx.nothingNew}</p>}
        </>
      )}
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}
