// SPDX-License-Identifier: Apache-2.0
// How things are: a word, a shape and a colour. Only trouble has a fill, so that a healthy table is quiet.
import type { ComponentChildren, JSX } from "preact";
import { W } from "../words/en";
import { Icon, type IconName } from "./icons";

type Tone = "ok" | "fail" | "warn" | "wait" | "none" | "off" | "live";
export type StatusName = keyof typeof W.status;

const LOOK: Record<StatusName, readonly [Tone, IconName]> = {
  delivered: ["ok", "ok"],
  accepted: ["ok", "ok"],
  passed: ["ok", "ok"],
  answering: ["ok", "ok"],
  enabled: ["ok", "ok"],
  done: ["ok", "ok"],
  well: ["ok", "ok"],
  failing: ["fail", "alarm"],
  refusing: ["fail", "alarm"],
  givenUp: ["fail", "fail"],
  refused: ["fail", "fail"],
  failed: ["fail", "fail"],
  halted: ["fail", "halt"],
  missed: ["warn", "diamond"],
  halting: ["warn", "halt"],
  notSaved: ["warn", "diamond"],
  attention: ["warn", "diamond"],
  retrying: ["wait", "retry"],
  waiting: ["wait", "wait"],
  parked: ["wait", "park"],
  throttled: ["wait", "gauge"],
  behind: ["wait", "behind"],
  running: ["live", "retry"],
  paused: ["wait", "pause"],
  filteredOut: ["none", "funnel"],
  notWanted: ["none", "funnel"],
  duplicate: ["none", "dup"],
  ignored: ["none", "pass"],
  shadow: ["none", "shadow"],
  disabled: ["off", "off"],
  canceled: ["off", "off"],
  expunged: ["off", "off"],
  quiet: ["none", "wait"],
  live: ["live", "live"],
};

export function statusIcon(is: StatusName): IconName {
  return LOOK[is][1];
}

export function isTrouble(is: StatusName): boolean {
  return LOOK[is][0] === "fail" || LOOK[is][0] === "warn";
}

/** The status; `children` replaces the word, such as "Missed 1,284". Bare: no fill, for lists that are dense. */
export function Status({ is, children, bare }: { is: StatusName; children?: ComponentChildren; bare?: boolean }): JSX.Element {
  const [tone, icon] = LOOK[is];
  return (
    <span class={`st ${tone}${bare ? " bare" : ""}`}>
      <Icon name={icon} />
      {children ?? W.status[is]}
    </span>
  );
}

/** Only the shape; the word is for screen readers. */
export function StatusShape({ is }: { is: StatusName }): JSX.Element {
  const [tone, icon] = LOOK[is];
  return (
    <span class={`st ${tone} bare`}>
      <Icon name={icon} />
      <span class="sr">{W.status[is]}</span>
    </span>
  );
}

/** What a receiver answered; 0 or none: it did not. */
export function Code({ status, none }: { status: number | null | undefined; none: string }): JSX.Element {
  if (!status) return <code class="code bad">{none}</code>;
  return <code class={`code${status >= 400 ? " bad" : ""}`}>{status}</code>;
}
