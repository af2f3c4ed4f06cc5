// SPDX-License-Identifier: Apache-2.0
// What came in at a source, and beside it, of the one that is open, why it was judged so.
import type { JSX } from "preact";
import { api, Chips, Code, Empty, ErrorPanel, pageIterator, Pager, query, Seg, setQuery, Status, Table, Time, useLoad, type Column, type FilterSpec, type List, type StatusName } from "../../kit";
import { C } from "../../words/console_sources";
import { sourcePath } from "./source_path";
import type { Source, SourceRequest } from "../types";
import { momentOf, showMoment, SINCE } from "../moments";
import { Newer } from "../newer";
import { filterKey, hasFilters } from "./messages";
import { RequestPanel } from "./request_panel";

export const OUTCOMES: Record<SourceRequest["outcome"], StatusName> = { accepted: "accepted", rejected: "refused", duplicate: "duplicate", ignored: "ignored" };

const FILTERS: readonly FilterSpec[] = [
  { name: "reason", label: C.request.reason, placeholder: "no_matching_key" },
  { name: "type", label: C.request.eventType },
  { name: "text", label: C.request.text },
  { name: "since", label: C.request.since, options: SINCE, show: showMoment },
];

export function reasonWords(reason: string | null): string {
  return reason ? C.request.reasons[reason] ?? reason.replaceAll("_", " ") : "";
}

function why(request: SourceRequest): string {
  if (request.reason) return reasonWords(request.reason);
  const made = request.messages?.length ?? 0;
  return made ? C.request.made(made) : "";
}

const COLUMNS: readonly Column<SourceRequest>[] = [
  { key: "outcome", head: C.request.outcome, class: "c-state", cell: (request) => <Status is={OUTCOMES[request.outcome]} /> },
  { key: "type", head: C.request.type, cell: (request) => <><button type="button" class="main-link linkish rowbtn" onClick={() => setQuery({ request: request.id })}><bdi>{request.eventType ?? C.request.noType}</bdi></button><span class="l2 mono trunc">{request.id}</span></> },
  { key: "why", head: C.request.why, class: "c-why", cell: (request) => why(request) },
  { key: "answer", head: C.request.answer, isNum: true, class: "c-code", cell: (request) => <Code status={request.status} none={C.common.noAnswer} /> },
  { key: "came", head: C.request.came, isNum: true, cell: (request) => <Time at={request.timestamp} /> },
];

export function Requests({ source, onSecret, onReplay }: { source: Source; onSecret: () => void; onReplay: () => void }): JSX.Element {
  const iterator = pageIterator();
  const at = query.value;
  const outcome = (at.get("outcome") ?? "") as "" | SourceRequest["outcome"];
  const load = (from: string | null, signal?: AbortSignal) => api.get<List<SourceRequest>>(`${sourcePath(source.id)}/request`, {
    limit: 100, iterator: from, outcome, reason: at.get("reason"), event_type: at.get("type"), text: at.get("text"), after: momentOf(at.get("since")),
  }, signal);
  const list = useLoad(`requests ${source.id} ${iterator} ${outcome} ${filterKey(FILTERS)}`, (signal) => load(iterator, signal));
  const rows = list.data?.data;
  const open = at.get("request");
  const isFiltered = !!outcome || hasFilters(FILTERS);
  const isEmpty = rows && rows.length === 0 && list.data!.done && !iterator;
  return (
    <div class={`srcgrid${open ? "" : " alone"}`}>
      <div class="reqs">
        <div class="filters row wrap">
          <Seg label={C.request.outcome} value={outcome} onChange={(next) => setQuery({ outcome: next, iterator: null })} options={C.request.outcomes} />
          <Chips specs={FILTERS} />
          <Newer list={list} at={iterator} peek={load} />
        </div>
        {list.error != null && <ErrorPanel error={list.error} onRetry={list.reload} />}
        {isEmpty ? <div class="panel">{isFiltered ? <Empty art="line" title={C.request.noMatch}>{C.request.noMatchText}</Empty> : <Empty title={C.request.none}>{C.request.noneText}</Empty>}</div> : (
          <div class="panel flush inset clipx"><Table label={C.source.requests} columns={COLUMNS} rows={rows} rowKey={(request) => request.id} onPick={(request) => setQuery({ request: request.id })} isPicked={(request) => request.id === open} isSlow={list.isSlow} /></div>
        )}
        <Pager list={list.data} />
      </div>
      {open && <RequestPanel source={source} id={open} onSecret={onSecret} onReplay={onReplay} onChanged={list.reload} />}
    </div>
  );
}
