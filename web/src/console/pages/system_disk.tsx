// SPDX-License-Identifier: Apache-2.0
// The disk: how full it is, until when it will do, whose payloads fill it, and what is to be written where to keep less.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { ApiError, api, bytes, Button, Copy, count, Dialog, duration, ErrorPanel, Facts, Field, figure, Link, Meter, Panel, part, percent, Select, Table, useLoad, when, type Column } from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_server";
import type { Option, Store } from "./system_types";

const DAY_MS = 86_400_000, HOUR_MS = 3_600_000, SOON_DAYS = 14, LARGEST_MS = 60_000;
const RETENTION = "store.retention", IDEMPOTENCY = "store.idempotency";

/** What the server may use altogether: what it has, and what is free above its reserve; null: the disk is a database's. */
function roomOf(store: Store): number | null {
  return store.freeBytes === null ? null : store.bytes + Math.max(0, store.freeBytes - store.freeMinBytes);
}

/** A duration as it stands in a configuration file; null: not one. */
function spanOf(value: string | undefined): number | null {
  const found = /^(\d+)(ms|s|m|h|d)?$/.exec(value?.trim() ?? "");
  return found ? Number(found[1]) * { ms: 1, s: 1000, m: 60_000, h: HOUR_MS, d: DAY_MS }[(found[2] ?? "s") as "s"] : null;
}

function kept(options: readonly Option[], name: string): number | null {
  return spanOf(options.find((one) => one.name === name)?.value);
}

/** Until when it will do, in a sentence. */
function forecast(store: Store): string {
  if (store.freeBytes === null) return C.disk.database(store.bytesPerDay === null ? null : bytes(store.bytesPerDay));
  if (store.bytesPerDay === null) return C.disk.young;
  const rate = bytes(store.bytesPerDay);
  return store.daysLeft === null ? C.disk.never(rate) : C.disk.full(rate, figure(store.daysLeft), when(Date.now() + store.daysLeft * DAY_MS, false));
}

interface Large {
  kind: "application" | "source" | "operational";
  id: string;
  name: string | null;
  organisation: string;
  bytes: number;
  messages: number;
}

interface Largest {
  from: string;
  to: string;
  bytes: number;
  data: Large[];
}

function columns(all: number): Column<Large>[] {
  const to = (one: Large) => (one.kind === "operational" ? "/operational" : `/${one.kind === "source" ? "sources" : "apps"}/${part(one.id)}`);
  return [
    { key: "who", head: C.disk.who, cell: (one) => <>{one.name === null ? <span class="mono trunc">{one.id}</span> : <Link class="main-link" to={to(one)}><bdi>{one.name}</bdi></Link>}<span class="l2"><bdi>{one.name === null ? one.organisation : C.disk.kinds[one.kind]}</bdi></span></> },
    { key: "share", head: C.disk.share, class: "c-lg", cell: (one) => <span class="progress"><span>{C.disk.percent(percent(all ? one.bytes / all : 0))}</span><Meter share={all ? one.bytes / all : 0} label={C.disk.percent(percent(all ? one.bytes / all : 0))} /></span> },
    { key: "messages", head: C.system.messages, isNum: true, class: "c-lg", cell: (one) => count(one.messages) },
    { key: "bytes", head: C.disk.bytes, isNum: true, cell: (one) => bytes(one.bytes) },
  ];
}

/** A server may keep no statistics: then nobody can say who. */
function useLargest() {
  return useLoad("largest", (signal) => api.get<Largest>("/api/v1/system/largest", undefined, signal).catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }), { everyMs: LARGEST_MS });
}

function Who(): JSX.Element {
  const loaded = useLargest();
  if (loaded.error != null) return <ErrorPanel error={loaded.error} onRetry={loaded.reload} />;
  if (loaded.data === null) return <p class="body muted">{C.disk.noStatistics}</p>;
  if (loaded.data?.data.length === 0) return <p class="body muted">{C.disk.nobody}</p>;
  return <Table label={C.disk.whose} columns={columns(loaded.data?.bytes ?? 0)} rows={loaded.data?.data} rowKey={(one) => one.id} isSlow={loaded.isSlow} skeletonRows={3} />;
}

const DAYS = [90, 60, 30, 14, 7, 3, 1];

/** How long messages are kept is an option of the server: its line, what it would take, and how to make it count. */
function KeepLess({ store, options, onClose }: { store: Store; options: readonly Option[]; onClose: () => void }): JSX.Element {
  const now = options.find((one) => one.name === RETENTION), span = kept(options, RETENTION) ?? 0, remembered = kept(options, IDEMPOTENCY) ?? 0;
  const room = roomOf(store);
  const choices = DAYS.filter((days) => !span || days * DAY_MS < span);
  const fits = choices.find((days) => store.bytesPerDay === null || room === null || days * store.bytesPerDay < room * 0.8) ?? choices[choices.length - 1];
  const [chosen, setChosen] = useState("");
  const days = Number(chosen || fits || 1);
  const line = `${RETENTION} = ${days * 24}h`;
  return (
    <Dialog title={C.disk.keepLess} onClose={onClose} footer={<Button kind="primary" data-first="" onClick={onClose}>{W.dialog.close}</Button>}>
      <p>{C.disk.keepText}</p>
      <Facts rows={[
        [C.disk.keptNow, <>{span ? duration(span) : C.disk.forEver} <span class="muted">{C.disk.setBy(now?.source ?? "")}</span></>],
        store.bytesPerDay !== null && [C.disk.daily, bytes(store.bytesPerDay)],
        room !== null && [C.disk.room, bytes(room)],
      ]} />
      {choices.length > 0 && <Field label={C.disk.keepFor}><Select value={String(days)} options={choices.map((one) => [String(one), store.bytesPerDay === null ? C.disk.forDays(one) : C.disk.forDaysOf(one, bytes(one * store.bytesPerDay))] as const)} onValue={setChosen} /></Field>}
      {choices.length > 0 ? <div class="field"><span>{C.disk.line}</span><span class="secret"><code class="is-shown">{line}</code><Copy text={line} /></span></div> : <p>{C.disk.shortest}</p>}
      <p>{C.disk.apply(now?.source ?? "")}</p>
      {remembered > days * DAY_MS && <p class="warned">{C.disk.remembered(duration(remembered))}</p>}
    </Dialog>
  );
}

export function DiskPanel({ store, options }: { store: Store; options: readonly Option[] }): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  const room = roomOf(store), share = room ? store.bytes / room : 0;
  const isSoon = store.daysLeft !== null && store.daysLeft < SOON_DAYS;
  const words = room === null ? C.disk.holds(bytes(store.bytes)) : C.disk.used(bytes(store.bytes), bytes(room));
  return (
    <Panel inset class="clip clipx" title={C.system.disk} actions={<Button small onClick={() => setOpen(true)}>{C.disk.keepLess}</Button>}>
      <div class="body stack-2">
        <p class={isSoon ? "warned" : ""}>{forecast(store)}</p>
        {room === null ? <p>{words}</p> : <span class="progress"><span>{words}</span><Meter share={share} isBad={isSoon || share > 0.9} label={words} /></span>}
      </div>
      <Who />
      {isOpen && <KeepLess store={store} options={options} onClose={() => setOpen(false)} />}
    </Panel>
  );
}
