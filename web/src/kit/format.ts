// SPDX-License-Identifier: Apache-2.0
// Numbers, times and durations in the reader's zone. The language is that of the words; dates have the day first.
import { signal } from "@preact/signals";
import { W } from "../words/en";
import { keep, kept } from "./safe";

const LANGUAGE = "en-GB";
const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

/** "local", "UTC" or a name such as Europe/Vienna. */
export const zone = signal<string>(kept("zone") ?? "local");

export function setZone(name: string): void {
  zone.value = name;
  keep("zone", name === "local" ? null : name);
}

const formats = new Map<string, Intl.DateTimeFormat>();

function format(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const timeZone = zone.value === "local" ? undefined : zone.value;
  const key = JSON.stringify(options) + timeZone;
  let made = formats.get(key);
  if (!made) {
    try {
      made = new Intl.DateTimeFormat(LANGUAGE, { ...options, timeZone });
    } catch {
      made = new Intl.DateTimeFormat(LANGUAGE, options);
    }
    formats.set(key, made);
  }
  return made;
}

export type Moment = string | number | Date;

export function ms(moment: Moment): number {
  return typeof moment === "number" ? moment : new Date(moment).getTime();
}

const CLOCK: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

/** 15:25:04, or 15:25 */
export function clock(moment: Moment, withSeconds = true): string {
  return format(withSeconds ? { ...CLOCK, second: "2-digit" } : CLOCK).format(ms(moment));
}

/** 15:25:04.207 */
export function clockExact(moment: Moment): string {
  return format({ ...CLOCK, second: "2-digit", fractionalSecondDigits: 3 } as Intl.DateTimeFormatOptions).format(ms(moment));
}

function day(moment: number): string {
  return format({ year: "numeric", month: "2-digit", day: "2-digit" }).format(moment);
}

/** 12 Oct, with the year where it is another one. */
export function date(moment: Moment, long = false): string {
  const at = ms(moment);
  const isThisYear = format({ year: "numeric" }).format(at) === format({ year: "numeric" }).format(Date.now());
  return format({ day: "numeric", month: long ? "long" : "short", ...(isThisYear ? {} : { year: "numeric" }) }).format(at);
}

/** A clock time for today, a date and a clock time else. */
export function when(moment: Moment, withSeconds = true): string {
  const at = ms(moment);
  if (!Number.isFinite(at)) return "";
  return day(at) === day(Date.now()) ? clock(at, withSeconds) : `${date(at)} ${clock(at, false)}`;
}

/** Everything, for whoever points at it. */
export function exact(moment: Moment): string {
  const at = ms(moment);
  if (!Number.isFinite(at)) return "";
  const here = format({ weekday: "short", day: "numeric", month: "short", year: "numeric", ...CLOCK, second: "2-digit", timeZoneName: "short" });
  return `${here.format(at)} (${new Date(at).toISOString()})`;
}

/** UTC+1 */
export function zoneName(): string {
  const parts = format({ timeZoneName: "shortOffset" } as Intl.DateTimeFormatOptions).formatToParts(Date.now());
  return (parts.find((one) => one.type === "timeZoneName")?.value ?? "UTC").replace("GMT", "UTC").replace(/^UTC[+-]0$/, "UTC");
}

const NUMBER = new Intl.NumberFormat(LANGUAGE);

export function count(value: number): string {
  return NUMBER.format(value);
}

/** A figure with at most three digits that count: 42.8, 1.04, 389. */
export function figure(value: number): string {
  if (value === 0) return "0";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: digits }).format(value);
}

export function percent(share: number): string {
  const value = share * 100;
  // 99.996 must not become 100: something did fail.
  const capped = share < 1 && value > 99.99 ? 99.99 : share > 0 && value < 0.01 ? 0.01 : value;
  return new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: capped >= 99 && capped < 100 ? 2 : 1 }).format(capped);
}

export function plural(n: number, one: string, many: string): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** 1 h 17 min, 44 min, 26 s, 112 ms */
export function duration(span: number): string {
  const abs = Math.abs(span);
  if (abs < SECOND) return `${Math.round(abs)} ms`;
  if (abs < MINUTE) return `${abs < 10 * SECOND ? (abs / SECOND).toFixed(1).replace(/\.0$/, "") : Math.round(abs / SECOND)} s`;
  if (abs < HOUR) return `${Math.floor(abs / MINUTE)} min`;
  if (abs < DAY) {
    const minutes = Math.floor((abs % HOUR) / MINUTE);
    return `${Math.floor(abs / HOUR)} h${minutes ? ` ${minutes} min` : ""}`;
  }
  const hours = Math.floor((abs % DAY) / HOUR);
  const days = Math.floor(abs / DAY);
  return `${plural(days, W.time.day, W.time.days)}${hours && days < 3 ? ` ${hours} h` : ""}`;
}

/** "3 min ago", "in 5 s", "now" */
export function relative(moment: Moment, now = Date.now()): string {
  const span = now - ms(moment);
  if (Math.abs(span) < 2 * SECOND) return W.time.now;
  return span > 0 ? W.time.ago(duration(span - (span % SECOND))) : W.time.ahead(duration(-span + (span % SECOND)));
}

export function bytes(size: number): string {
  if (size < 1024) return plural(size, W.size.byte, W.size.bytes);
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let value = size / 1024, unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${figure(value)} ${units[unit]}`;
}

/** The moment, told anew every ten seconds while the page is seen. */
export const now = signal(Date.now());
setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, 10 * SECOND);
