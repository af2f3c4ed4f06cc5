// SPDX-License-Identifier: Apache-2.0
// One action on everything that a filter finds. It is counted first, and says how many, of what, how fast and until when;
// the server does what was counted, and nothing else.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import {
  api, Button, clock, count, Dialog, duration, ErrorPanel, Facts, Field, Input, navigate, part, Select, Skel, Status, Tag, Time, toast, useAct, useLoad, type StatusName,
} from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_bulk";
import { momentOf } from "../moments";
import type { Json } from "../types";

export type Action = "recover" | "replay" | "resend" | "cancel" | "expunge";

export interface BulkFilter {
  appId?: string;
  endpointId?: string;
  sourceId?: string;
  to?: string;
  states?: string[];
  statusCodeClass?: number;
  eventTypes?: string[];
  channels?: string[];
  tags?: string[];
  outcomes?: string[];
  reason?: string;
  text?: string;
}

interface Count {
  plan: string;
  matched: number;
  complete: boolean;
  byStatus: Record<string, number>;
  oldest: string | null;
  newest: string | null;
  sample: { id: string; eventType?: string | null; timestamp: string; status: string }[];
}

interface BulkProps {
  action: Action;
  title: string;
  filter: BulkFilter;
  /** The time that it begins with: "now-24h", a moment, or "" for all that is stored. */
  since?: string;
  until?: string;
  text?: string;
  /** Each of these endpoints by itself: counted, and done as a task of its own. */
  each?: readonly string[];
  /** Of those that were chosen so many are disabled: nothing can be sent to them. */
  skipped?: number;
  onClose: () => void;
  onDone?: () => void;
}

/** What was counted, of one or of several: each has a plan. */
interface Counts extends Count {
  plans: string[];
}

function earlier(a: string | null, b: string | null, isLater = false): string | null {
  return !a || !b ? a ?? b : a < b !== isLater ? a : b;
}

function added(sum: Counts, one: Count): Counts {
  const byStatus = { ...sum.byStatus };
  for (const [name, n] of Object.entries(one.byStatus)) byStatus[name] = (byStatus[name] ?? 0) + n;
  return {
    ...sum, byStatus, matched: sum.matched + one.matched, complete: sum.complete && one.complete, plans: one.matched ? [...sum.plans, one.plan] : sum.plans,
    oldest: earlier(sum.oldest, one.oldest), newest: earlier(sum.newest, one.newest, true), sample: [...sum.sample, ...one.sample],
  };
}

async function countAll(body: Json, each: readonly string[] | undefined, signal: AbortSignal): Promise<Counts> {
  const count = (more: object) => api.post<Count>("/api/v1/bulk/count", { ...(body as object), ...more }, { signal });
  let sum: Counts = { plan: "", plans: [], matched: 0, complete: true, byStatus: {}, oldest: null, newest: null, sample: [] };
  if (!each) return added(sum, await count({}));
  for (const endpointId of each) sum = added(sum, await count({ endpointId }));
  return sum;
}

/** Above this the number has to be typed. */
const MANY = 10_000;

const STATUS: Record<string, StatusName> = {
  success: "delivered", pending: "waiting", fail: "givenUp", sending: "retrying", canceled: "canceled", accepted: "accepted", rejected: "refused", ignored: "ignored", duplicate: "duplicate",
};

function Counted({ counted, action, rate }: { counted: Counts; action: Action; rate: string }): JSX.Element {
  const seconds = rate && counted.matched && counted.plans.length === 1 ? counted.matched / Number(rate) : null;
  return (
    <>
      <p role="status"><span class="bignum ink">{count(counted.matched)}{counted.complete ? "" : "+"}</span> {C.bulk.found[action](counted.matched)}</p>
      {!counted.complete && <p class="hint">{C.bulk.notAll}</p>}
      {counted.matched > 0 && (
        <Facts narrow rows={[
          [C.bulk.states, <span class="row wrap gap-3">{Object.entries(counted.byStatus).filter(([, n]) => n > 0).map(([name, n]) => <Status bare is={STATUS[name] ?? "waiting"}>{`${W.status[STATUS[name] ?? "waiting"]} ${count(n)}`}</Status>)}</span>],
          [C.bulk.oldest, <Time at={counted.oldest} />],
          [C.bulk.newest, <Time at={counted.newest} />],
          [C.bulk.such, <span class="row wrap gap-1">{[...new Set(counted.sample.map((one) => one.eventType).filter(Boolean))].slice(0, 4).map((type) => <Tag>{type}</Tag>)}</span>],
          seconds !== null && [C.bulk.takes, C.bulk.takesAbout(duration(seconds * 1000), clock(Date.now() + seconds * 1000, false))],
        ]} />
      )}
    </>
  );
}

export function BulkDialog({ action, title, filter, since: startSince, until: startUntil, text, each, skipped = 0, onClose, onDone }: BulkProps): JSX.Element {
  const [since, setSince] = useState(startSince ?? "now-24h");
  const [until, setUntil] = useState(startUntil ?? "");
  const [rate, setRate] = useState<string>(action === "cancel" || action === "expunge" ? "" : "50");
  const [typed, setTyped] = useState("");
  const { isBusy, error, run } = useAct();
  const body = { action, ...filter, ...(momentOf(since) ? { since: momentOf(since) } : {}), ...(momentOf(until) ? { until: momentOf(until) } : {}) };
  const counted = useLoad(`count ${JSON.stringify({ action, filter, since, until, each })}`, (signal) => countAll(body as Json, each, signal));
  const n = counted.data?.matched ?? 0;
  const isDanger = action === "expunge" || action === "cancel";
  const isReady = n > 0 && !counted.isLoading && (n <= MANY || typed.replace(/\D/g, "") === String(n));
  const go = async () => {
    const tasks: string[] = [];
    const isDone = isReady && (await run(async () => {
      for (const plan of counted.data!.plans) tasks.push((await api.post<{ id: string }>("/api/v1/bulk", { plan, ...(rate ? { rate: Number(rate) } : {}) })).id);
    }));
    if (!isDone) return void counted.reload();
    toast.say(C.bulk.started);
    onClose();
    onDone?.();
    navigate(tasks.length === 1 ? `/tasks/${part(tasks[0]!)}` : "/tasks");
  };
  const sinces = C.bulk.sinces.some(([key]) => key === since) ? C.bulk.sinces : [[since, C.bulk.sinceThis(since)] as const, ...C.bulk.sinces];
  return (
    <Dialog title={title} onClose={onClose} onSubmit={go}
      footer={<><span class="grow hint">{C.bulk.stoppable}</span><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind={isDanger ? "solid" : "primary"} type="submit" busy={isBusy} disabled={!isReady}>{C.bulk.act[action](n, rate ? C.common.perSecond(Number(rate)) : "")}</Button></>}>
      {text && <p>{text}</p>}
      {skipped > 0 && <p class="warned">{C.bulk.skipped(skipped)}</p>}
      <div class="two">
        <Field label={C.bulk.since}><Select value={since} options={sinces} onValue={setSince} data-first="" /></Field>
        {isDanger ? <Field label={C.bulk.until} hint={C.bulk.untilHint}><Input value={until} onValue={setUntil} placeholder="2026-11-30 15:00" /></Field>
          : <Field label={C.bulk.rate}><Select value={rate} options={C.bulk.rates} onValue={setRate} /></Field>}
      </div>
      {!isDanger && startUntil && <Field label={C.bulk.until} hint={C.bulk.untilHint}><Input value={until} onValue={setUntil} placeholder="2026-11-30 15:00" /></Field>}
      <div class="counted">{counted.error != null ? <ErrorPanel error={counted.error} onRetry={counted.reload} /> : counted.data ? <Counted counted={counted.data} action={action} rate={rate} /> : <p><Skel w={4} /></p>}</div>
      {n > MANY && <Field label={C.bulk.typeIt(count(n))}><Input value={typed} onValue={setTyped} inputmode="numeric" /></Field>}
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}
