// SPDX-License-Identifier: Apache-2.0
// What users of CKAN, Preservica and Gaia registered by themselves, as an operator sees it, who is nobody's user there.
// A row opens what is known of one and what can be done about it; each service has its own in a file of its own.
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import {
  api, Button, Chips, Confirm, Dialog, Empty, ErrorPanel, Facts, LinkButton, Pager, pageIterator, part, query, Secret, Status, Table, Time, toast, useAct, useLoad, when, type Column, type FilterSpec, type List, type Loaded,
} from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_integrations";
import { eachOf, endpointPath, appPath } from "../common";
import { usePage } from "../shell";
import type { Attempt, Endpoint } from "../types";

export interface Registered {
  id?: string;
  endpointId: string;
  disabled: boolean;
  disabledReason: string | null;
  createdAt: string;
  updatedAt: string;
}

export interface Details<T extends Registered> {
  columns: Column<T>[];
  facts: (row: T) => (readonly [ComponentChildren, ComponentChildren] | null | false)[];
}

export interface Kind<T extends Registered> {
  title: string;
  sub: string;
  none: string;
  path: string;
  /** Members of the address that narrow the list. */
  filters?: readonly FilterSpec[];
  app: (row: T) => string;
  name: (row: T) => string;
  /** Where it goes, below its name. */
  second: (row: T) => string;
  /** A hook: its own columns and facts, with what has to be asked for beside the list. */
  useDetails: (rows: readonly T[]) => Details<T>;
  /** More that can be done about one. */
  acts?: (row: T, reload: () => void) => ComponentChildren;
  /** What the button that ends it says, and how it is ended. */
  end: { act: string; text: string; run: (row: T) => Promise<void> };
  hasSecret?: boolean;
}

const LASTS_AT_MOST = 50;

/** When each endpoint was last tried; the newest of a page only. */
export function useLastAttempts(rows: readonly { endpointId: string; app: string }[]): ReadonlyMap<string, Attempt | undefined> {
  const some = rows.slice(0, LASTS_AT_MOST);
  const loaded = useLoad(`lasts ${some.map((one) => one.endpointId).join()}`, async (signal) => {
    const found = await eachOf(some, 3, (one) => api.get<List<Attempt>>(`${appPath(one.app)}/attempt/endpoint/${part(one.endpointId)}`, { limit: 1, with_content: false }, signal));
    return new Map(some.map((one, i) => [one.endpointId, found[i]?.data[0]]));
  }, { isOff: some.length === 0 });
  return loaded.data ?? new Map();
}

function RegisteredState({ row }: { row: Registered & { deletedAfter?: string | null } }): JSX.Element {
  if (!row.disabled) return <Status is="enabled" />;
  return <><Status is={row.disabledReason === "failing" || row.disabledReason === "gone" ? "attention" : "disabled"}>{C.off}</Status>{row.deletedAfter && <span class="l2">{C.others.stale(when(row.deletedAfter, false))}</span>}</>;
}

export function reasonOff(row: Registered): string | null {
  return row.disabled ? C.others.reasons[row.disabledReason ?? ""] ?? row.disabledReason : null;
}

/** Everything about one, and what can be done. */
function Manage<T extends Registered>({ kind, facts, row, onClose, reload }: { kind: Kind<T>; facts: Details<T>["facts"]; row: T; onClose: () => void; reload: () => void }): JSX.Element {
  const [isEnding, setEnding] = useState(false);
  const { isBusy, error, run } = useAct();
  const path = endpointPath(kind.app(row), row.endpointId);
  const toggle = () => void run(async () => {
    if (row.disabled) await api.post(`${path}/enable`);
    else await api.patch<Endpoint>(path, { disabled: true });
    toast.say(row.disabled ? C.others.enabled(kind.name(row)) : C.others.disabled(kind.name(row)));
    reload();
    onClose();
  });
  if (isEnding) {
    return (
      <Confirm title={C.others.endTitle(kind.name(row))} act={kind.end.act} danger onClose={() => setEnding(false)} onConfirm={async () => { await kind.end.run(row); toast.say(C.others.ended(kind.name(row))); reload(); onClose(); }}>
        <p>{kind.end.text}</p>
      </Confirm>
    );
  }
  return (
    <Dialog wide title={<bdi>{kind.name(row)}</bdi>} onClose={onClose} onSubmit={onClose}
      footer={<>
        <span class="grow row gap-1"><Button needs="change" kind="danger" onClick={() => setEnding(true)}>{kind.end.act}</Button><Button needs="change" busy={isBusy} onClick={toggle}>{row.disabled ? C.others.enable : C.others.disable}</Button></span>
        <Button kind="primary" type="submit" data-first="">{W.dialog.close}</Button>
      </>}>
      <div class="row wrap"><RegisteredState row={row} />{reasonOff(row) && <span class="soft">{reasonOff(row)}</span>}<span class="end"><LinkButton small to={`/apps/${part(kind.app(row))}/endpoints/${part(row.endpointId)}`}>{C.others.deliveries}</LinkButton></span></div>
      <Facts rows={[...facts(row), [C.others.made, <Time at={row.createdAt} />], [C.common.changed, row.updatedAt !== row.createdAt && <Time at={row.updatedAt} />]]} />
      {kind.hasSecret && <div class="field"><span>{C.others.secret}</span><Secret needs="secrets" label={C.others.secret} load={async () => (await api.get<{ key: string }>(`${path}/secret`)).key} /></div>}
      {kind.acts?.(row, reload)}
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

function narrowed(kind: Kind<never>): Record<string, string | null> {
  return Object.fromEntries((kind.filters ?? []).map((one) => [one.name, query.value.get(one.name)]));
}

interface PageProps<T extends Registered> {
  kind: Kind<T>;
  /** Buttons at the title, and what stands above the list. */
  head?: (list: Loaded<List<T>>) => ComponentChildren;
  above?: ComponentChildren;
}

export function RegisteredPage<T extends Registered>({ kind, head, above }: PageProps<T>): JSX.Element {
  usePage(kind.title, [{ label: C.nav.integrations }]);
  const iterator = pageIterator();
  const filter = narrowed(kind as unknown as Kind<never>);
  const list = useLoad(`${kind.path} ${iterator} ${JSON.stringify(filter)}`, (signal) => api.get<List<T>>(kind.path, { limit: 100, iterator, ...filter }, signal));
  const [open, setOpen] = useState<T | null>(null);
  const rows = list.data?.data;
  const lasts = useLastAttempts(rows?.map((row) => ({ endpointId: row.endpointId, app: kind.app(row) })) ?? []);
  const details = kind.useDetails(rows ?? []);
  const isFiltered = Object.values(filter).some(Boolean);
  const columns: Column<T>[] = [
    { key: "name", head: C.others.event, class: "c-first", cell: (row) => <><button type="button" class="main-link linkish rowbtn" onClick={() => setOpen(row)}><bdi>{kind.name(row)}</bdi></button><span class="l2 mono trunc"><bdi>{kind.second(row)}</bdi></span></> },
    ...details.columns,
    { key: "last", head: C.others.lastEvent, isNum: true, class: "c-lg", cell: (row) => { const last = lasts.get(row.endpointId); return last ? <Time at={last.timestamp} rel /> : <span class="muted">–</span>; } },
    { key: "state", head: C.others.state, class: "c-state", cell: (row) => <RegisteredState row={row} /> },
  ];
  return (
    <>
      <div class="phead"><h1 class="grow">{kind.title}<span class="h-sub">{kind.sub}</span></h1>{head?.(list)}</div>
      {above}
      {kind.filters && <div class="filters row wrap pt0"><Chips specs={kind.filters} /></div>}
      {list.error != null && <ErrorPanel error={list.error} onRetry={list.reload} />}
      {rows?.length === 0 && !iterator ? <div class="panel">{isFiltered ? <Empty art="line" title={C.others.noMatch}>{C.others.noMatchText}</Empty> : <Empty title={C.others.none}>{kind.none}</Empty>}</div>
        : <div class="panel flush inset clipx"><Table label={kind.title} columns={columns} rows={rows} rowKey={(row) => row.endpointId} onPick={setOpen} isSlow={list.isSlow} /></div>}
      <Pager list={list.data} />
      {open && <Manage kind={kind} facts={details.facts} row={open} onClose={() => setOpen(null)} reload={list.reload} />}
    </>
  );
}
