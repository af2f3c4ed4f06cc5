// SPDX-License-Identifier: Apache-2.0
// The range of a page's charts. It is relative as long as it says "now": a link shows the last hours tomorrow, too. Frozen
// it stands in the address as two moments, and shows everybody the same.
import type { JSX } from "preact";
import { Button, Icon, query, Seg, setQuery, when } from "../kit";
import { C } from "../words/console";

export interface Range {
  from: string;
  to?: string;
  step: string;
  /** The step for small charts of rows. */
  rowStep: string;
}

/** name: from, step, and the step of rows. */
export const RANGES = {
  "15m": ["now-15m", "1m", "1m", 15], "1h": ["now-1h", "1m", "3m", 60], "6h": ["now-6h", "5m", "15m", 360],
  "24h": ["now-24h", "15m", "1h", 1440], "7d": ["now-7d", "2h", "7h", 10_080], "30d": ["now-30d", "12h", "1d", 43_200],
} as const;
export type RangeName = keyof typeof RANGES;

const MINUTE_MS = 60_000;

/** The range that the address names; a frozen one has the steps of the shortest that holds it. */
export function rangeOf(absent: RangeName): { name: RangeName; range: Range; frozen: { from: string; to: string } | null } {
  const asked = query.value.get("range") as RangeName | null;
  const from = new Date(query.value.get("from") ?? ""), to = new Date(query.value.get("to") ?? "");
  const minutes = (to.getTime() - from.getTime()) / MINUTE_MS;
  if (minutes > 0) {
    const name = (Object.keys(RANGES) as RangeName[]).find((one) => RANGES[one][3] >= minutes) ?? "30d";
    const frozen = { from: from.toISOString(), to: to.toISOString() };
    return { name, range: { ...frozen, step: RANGES[name][1], rowStep: RANGES[name][2] }, frozen };
  }
  const name = asked && asked in RANGES ? asked : absent;
  return { name, range: { from: RANGES[name][0], step: RANGES[name][1], rowStep: RANGES[name][2] }, frozen: null };
}

export function RangeBar({ absent, labels }: { absent: RangeName; labels: Record<RangeName, string> }): JSX.Element {
  const { name, frozen } = rangeOf(absent);
  const choose = (next: RangeName) => setQuery({ range: next === absent ? null : next, from: null, to: null }, { replace: true });
  if (frozen) {
    return (
      <span class="row">
        <span class="chip">{C.range.frozen} <b>{C.range.between(when(frozen.from, false), when(frozen.to, false))}</b><button type="button" aria-label={C.range.thaw} title={C.range.thaw} onClick={() => setQuery({ from: null, to: null }, { replace: true })}><Icon name="x" small /></button></span>
      </span>
    );
  }
  const freeze = () => {
    const to = Date.now();
    setQuery({ from: new Date(to - RANGES[name][3] * MINUTE_MS).toISOString(), to: new Date(to).toISOString() });
  };
  return (
    <span class="row rangebar">
      <Seg label={C.range.label} value={name} onChange={choose} options={(Object.keys(RANGES) as RangeName[]).map((key) => [key, labels[key]] as const)} />
      <Button class="only-lg" icon="pause" title={C.range.freezeHint} onClick={freeze}>{C.range.freeze}</Button>
    </span>
  );
}
