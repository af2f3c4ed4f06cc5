// SPDX-License-Identifier: Apache-2.0
// Statistics over time, as the charts want them.
import { api, useLoad, type Loaded, type Query, type WaterPoint } from "../kit";

export interface Series {
  of: string;
  from: string;
  to: string;
  stepSeconds: number;
  count: number;
  series: Measure[];
}

export interface Measure {
  measure: string;
  unit: string;
  total: number | null;
  values: (number | null)[];
}

export interface SeriesRows {
  from: string;
  to: string;
  stepSeconds: number;
  count: number;
  data: { id: string; series: Measure[] }[];
}

export function measure(series: readonly Measure[] | undefined, name: string): Measure | undefined {
  return series?.find((one) => one.measure === name);
}

/** Attempts that did not arrive: what hangs below the waterline. */
export const FAILED: readonly string[] = ["attempts4xx", "attempts5xx", "attemptsNone"];

export function totalOf(series: readonly Measure[] | undefined, names: readonly string[]): number {
  return names.reduce((sum, name) => sum + (measure(series, name)?.total ?? 0), 0);
}

export function timesOf(range: { from: string; stepSeconds: number; count: number }): number[] {
  const from = new Date(range.from).getTime();
  return Array.from({ length: range.count }, (_, i) => from + i * range.stepSeconds * 1000);
}

/** What arrived above the line, what did not below it. */
export function waterPoints(range: { from: string; stepSeconds: number; count: number }, series: readonly Measure[], up: string, down: readonly string[]): WaterPoint[] {
  const above = measure(series, up)?.values ?? [];
  const below = down.map((name) => measure(series, name)?.values ?? []);
  return timesOf(range).map((t, i) => ({ t, up: above[i] ?? null, down: above[i] === null ? null : below.reduce((sum, values) => sum + (values[i] ?? 0), 0) }));
}

const REFRESH_MS = 30_000;

export function useSeries(of: string, measures: string, query: Query = {}): Loaded<Series> {
  return useLoad(`series ${of} ${measures} ${JSON.stringify(query)}`, (signal) => api.get<Series>("/api/v1/series", { of, measure: measures, ...query }, signal), { everyMs: REFRESH_MS });
}

/** The small charts of a table's rows, by id. */
export function useSparks(kind: string, ids: readonly string[], measures: string, query: Query = { from: "now-24h", step: "1h" }): ReadonlyMap<string, { series: Measure[]; range: SeriesRows }> {
  const shown = ids.slice(0, 100);
  const loaded = useLoad(`sparks ${kind} ${shown.join()} ${JSON.stringify(query)}`, (signal) => api.get<SeriesRows>("/api/v1/series/rows", { of: kind, ids: shown.join(), measure: measures, ...query }, signal), { isOff: shown.length === 0, everyMs: REFRESH_MS });
  return new Map(loaded.data?.data.map((row) => [row.id, { series: row.series, range: loaded.data! }]) ?? []);
}
