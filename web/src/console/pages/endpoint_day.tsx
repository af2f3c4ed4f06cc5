// SPDX-License-Identifier: Apache-2.0
// The last hours of an endpoint or an application at the waterline.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { count, duration, query, Seg, setQuery, TableSwitch, Waterline } from "../../kit";
import { C } from "../../words/console_delivery";
import { FAILED, measure, totalOf, useSeries, waterPoints } from "../series";

const RANGES = { "1h": ["now-1h", "1m"], "6h": ["now-6h", "5m"], "24h": ["now-24h", "15m"], "7d": ["now-7d", "2h"] } as const;
type Range = keyof typeof RANGES;

/** `of` is what the statistics are about, such as "endpoint:ep_1". */
export function SeriesDay({ of }: { of: string }): JSX.Element {
  const asked = query.value.get("range") as Range | null;
  const range: Range = asked && asked in RANGES ? asked : "24h";
  const [from, step] = RANGES[range];
  const [isTable, setTable] = useState(false);
  const loaded = useSeries(of, `delivered,${FAILED.join()},attemptP50,attemptP95`, { from, step });
  const { data } = loaded;
  const delivered = totalOf(data?.series, ["delivered"]);
  const failed = totalOf(data?.series, FAILED);
  const p95 = measure(data?.series, "attemptP95")?.total;
  return (
    <div class="day">
      <div class="row wrap">
        <Seg small label={C.day.range} value={range} onChange={(next) => setQuery({ range: next === "24h" ? null : next }, { replace: true })} options={[["1h", C.day.ranges["1h"]], ["6h", C.day.ranges["6h"]], ["24h", C.day.ranges["24h"]], ["7d", C.day.ranges["7d"]]]} />
        <span class="grow muted daytime">{p95 ? C.day.p95(duration(p95)) : ""}</span>
        <div class="legend"><span><i class="sw-t" />{C.day.delivered} <b>{data ? count(delivered) : ""}</b></span><span><i class="sw-b" />{C.day.failed} <b>{data ? count(failed) : ""}</b></span></div>
        <TableSwitch isTable={isTable} onChange={setTable} />
      </div>
      <div class="daychart">{data && <Waterline isPlain isTable={isTable} height={112} label={C.day.label(count(delivered), count(failed))} points={waterPoints(data, data.series, "delivered", FAILED)} stepMs={data.stepSeconds * 1000} upLabel={C.day.delivered} downLabel={C.day.failed} />}</div>
    </div>
  );
}
