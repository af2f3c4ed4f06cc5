// SPDX-License-Identifier: Apache-2.0
// Moments as they stand in an address: "now-24h" stays relative, so that a link shows the last day tomorrow, too.
import { when } from "../kit";

/** "2 h" before now, or a time: what people type for a moment. */
export function momentOf(text: string | null): string | null {
  if (!text) return null;
  const ago = /^now-(\d+)([mhd])$/.exec(text.replace(/\s/g, ""));
  if (ago) return new Date(Date.now() - Number(ago[1]) * { m: 60_000, h: 3_600_000, d: 86_400_000 }[ago[2] as "m" | "h" | "d"]).toISOString();
  const at = new Date(text);
  return Number.isFinite(at.getTime()) ? at.toISOString() : null;
}

export function showMoment(text: string): string {
  const ago = /^now-(\d+)([mhd])$/.exec(text);
  if (ago) return `${ago[1]} ${{ m: "min", h: "h", d: "d" }[ago[2] as "m" | "h" | "d"]}`;
  const at = momentOf(text);
  return at ? when(at) : text;
}

export const SINCE: readonly (readonly [string, string])[] = [["now-15m", "15 min"], ["now-1h", "1 h"], ["now-6h", "6 h"], ["now-24h", "24 h"], ["now-7d", "7 d"], ["now-30d", "30 d"]];
