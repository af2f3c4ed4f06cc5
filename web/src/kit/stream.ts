// SPDX-License-Identifier: Apache-2.0
// What happens, as it happens, for a component.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Query } from "./api";
import { follow } from "./share";

export interface LiveEvent {
  kind: "message" | "attempt" | "request" | "run" | "task";
  /** Counts up as they are read; their own ids may be missing. */
  n: number;
  at: string;
  id: string | null;
  app?: string | null;
  endpoint?: string | null;
  source?: string | null;
  message?: string;
  eventType?: string;
  event?: string;
  state?: string;
  outcome?: string;
  status?: number | string;
  number?: number;
  endpoints?: number;
  filters?: number;
  halted?: boolean;
  ms?: number;
  task?: string;
}

const KINDS = ["message", "attempt", "request", "run", "task"];

/** Times between which things happened that are not told any more; how many, if somebody counted. */
export interface Gap {
  from: string;
  to: string;
  missed: number | null;
}

export interface Live {
  events: readonly LiveEvent[];
  /** Everything of the last second, also what was not sent to us. */
  perSecond: number | null;
  leftOut: number;
  isOpen: boolean;
  /** Nothing comes through as it happens: a proxy on the way holds answers back. What happened comes every few seconds. */
  isHeldBack: boolean;
  /** Other tabs of this browser watch as many other things as may be watched. */
  isCrowded: boolean;
  /** The last one: what is missing is in the lists only. */
  gap: Gap | null;
  error: unknown;
}

/** Drawn this often at most: a page must not be busier than the server. */
const DRAW_MS = 250;

interface Buffer extends Live {
  events: LiveEvent[];
}

function emptyBuffer(): Buffer {
  return { events: [], perSecond: null, leftOut: 0, isOpen: false, isHeldBack: false, isCrowded: false, gap: null, error: null };
}

const sumOf = (data: Record<string, unknown>): number => ["messages", "attempts", "requests", "runs"].reduce((sum, key) => sum + (typeof data[key] === "number" ? (data[key] as number) : 0), 0);

/** The newest events first, at most `keep` of them. Paused: nothing is added, and nothing is drawn. */
export function useStream(query: Query, keep: number, isPaused: boolean): Live {
  const buffer = useRef<Buffer>(emptyBuffer());
  const paused = useRef(isPaused);
  paused.current = isPaused;
  const [, draw] = useState(0);
  const key = JSON.stringify(query);
  useEffect(() => {
    const now = (buffer.current = emptyBuffer());
    let isDirty = false, n = 0;
    const take = (name: string, data: Record<string, unknown>): void => {
      if (name === "summary") now.perSecond = sumOf(data);
      if (name === "summary" || name === "lag") now.leftOut += Number(data["leftOut"] ?? data["dropped"] ?? 0);
      if (name === "gap") now.gap = data as unknown as Gap;
      if (KINDS.includes(name) && !paused.current) now.events = [{ ...(data as unknown as LiveEvent), kind: name as LiveEvent["kind"], n: ++n }, ...now.events].slice(0, keep);
    };
    const leave = follow(JSON.parse(key) as Query, {
      onEvents: (list) => {
        for (const [name, data] of list) take(name, data);
        isDirty = true;
      },
      onState: (state) => {
        Object.assign(now, { isOpen: state.isOpen && !state.isHeldBack, isHeldBack: state.isHeldBack, isCrowded: state.isCrowded, error: state.error });
        isDirty = true;
      },
    });
    const drawing = setInterval(() => { if (isDirty) { isDirty = false; draw((x) => x + 1); } }, DRAW_MS);
    return () => {
      leave();
      clearInterval(drawing);
    };
  }, [key, keep]);
  return { ...buffer.current }; // another object each time: a component that gets the same one is not drawn again
}
