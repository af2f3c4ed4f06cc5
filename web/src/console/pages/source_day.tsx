// SPDX-License-Identifier: Apache-2.0
// What came in at a source in the last day, at the waterline.
import type { JSX } from "preact";
import { count, Waterline } from "../../kit";
import { C } from "../../words/console_sources";
import { measure, useSeries, waterPoints } from "../series";

export function SourceDay({ source }: { source: string }): JSX.Element {
  const { data } = useSeries(`source:${source}`, "requestsAccepted,requestsRejected,requestsDuplicate,requestsIgnored", { from: "now-24h", step: "15m" });
  const total = (name: string) => (data ? count(measure(data.series, name)?.total ?? 0) : "–");
  const refused = measure(data?.series, "requestsRejected")?.total ?? 0;
  return (
    <section class="panel health src mb" aria-label={C.day.title}>
      <div class="counts"><dl>
        <div><dt>{C.day.accepted}</dt><dd>{total("requestsAccepted")}</dd></div>
        <div><dt>{C.day.refused}</dt><dd class={refused ? "bad" : ""}>{total("requestsRejected")}</dd></div>
        <div><dt>{C.day.duplicate}</dt><dd>{total("requestsDuplicate")}</dd></div>
        <div><dt>{C.day.ignored}</dt><dd>{total("requestsIgnored")}</dd></div>
      </dl></div>
      <div class="day"><span class="label">{C.day.title}</span><div class="daychart">{data && <Waterline isPlain height={112} label={C.day.label(total("requestsAccepted"), total("requestsRejected"))} points={waterPoints(data, data.series, "requestsAccepted", ["requestsRejected"])} stepMs={data.stepSeconds * 1000} upLabel={C.day.accepted} downLabel={C.day.refused} />}</div></div>
    </section>
  );
}
