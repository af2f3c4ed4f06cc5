// SPDX-License-Identifier: Apache-2.0
// What happens, as it happens. Read by fetch and not by EventSource, which cannot carry the header that a session needs.
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, call, type Query } from "./api";

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

export interface Live {
  events: readonly LiveEvent[];
  /** Everything of the last second, also what was not sent to us. */
  perSecond: number | null;
  leftOut: number;
  isOpen: boolean;
  /** Nothing comes through, not even the sign of life: a proxy on the way holds answers back. The reader of lists asks them. */
  isHeldBack: boolean;
  error: unknown;
}

/** Drawn this often at most: a page must not be busier than the server. */
const DRAW_MS = 250;
/** A hidden page lets go of its connection, since a browser has six for a server. */
const HIDDEN_MS = 30_000;
const AGAIN_MS = 3000;
/** The server speaks at once, and then every 15 s at least. */
const SILENT_MS = 20_000;

type OnEvent = (name: string, data: Record<string, unknown>) => void;

/** Reads until the stream ends or is stopped; throws when it cannot be opened. `onBytes`: something came through. */
async function readStream(query: Query, signal: AbortSignal, onBytes: () => void, onEvent: OnEvent): Promise<void> {
  const answer = await call("GET", "/api/v1/stream", { query, signal });
  if (!answer.body) return;
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let rest = "", name = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onBytes();
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.startsWith("event: ")) name = line.slice(7).trim();
      else if (line.startsWith("data: ")) onEvent(name, JSON.parse(line.slice(6)));
    }
  }
}

interface Buffer extends Live {
  events: LiveEvent[];
}

function emptyBuffer(): Buffer {
  return { events: [], perSecond: null, leftOut: 0, isOpen: false, isHeldBack: false, error: null };
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
    buffer.current = emptyBuffer();
    let ending = new AbortController(), isOver = false, isDirty = false, n = 0;
    const take: OnEvent = (name, data) => {
      const now = buffer.current;
      if (name === "summary") now.perSecond = sumOf(data);
      if (name === "summary" || name === "lag") now.leftOut += Number(data["leftOut"] ?? data["dropped"] ?? 0);
      if (KINDS.includes(name) && !paused.current) now.events = [{ ...(data as unknown as LiveEvent), kind: name as LiveEvent["kind"], n: ++n }, ...now.events].slice(0, keep);
      isDirty = true;
    };
    let silence: ReturnType<typeof setTimeout> | undefined;
    const set = (now: Partial<Buffer>) => { Object.assign(buffer.current, now); isDirty = true; };
    const listen = () => {
      clearTimeout(silence);
      silence = setTimeout(() => set({ isHeldBack: true, isOpen: false }), SILENT_MS);
    };
    const hear = () => {
      if (!buffer.current.isOpen) set({ isOpen: true, isHeldBack: false, error: null });
      listen();
    };
    const run = async () => {
      while (!isOver) {
        const mine = (ending = new AbortController());
        listen();
        try {
          await readStream(JSON.parse(key) as Query, mine.signal, hear, take);
        } catch (error) {
          if (!mine.signal.aborted) buffer.current.error = error;
          if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429) return void draw((x) => x + 1);
        } finally {
          clearTimeout(silence);
          set({ isOpen: false });
        }
        while (!isOver && document.hidden) await pause(AGAIN_MS);
        if (!isOver) await pause(AGAIN_MS);
      }
    };
    void run();
    const drawing = setInterval(() => { if (isDirty) { isDirty = false; draw((x) => x + 1); } }, DRAW_MS);
    let hiding: ReturnType<typeof setTimeout> | undefined;
    const seen = () => {
      clearTimeout(hiding);
      if (document.hidden) hiding = setTimeout(() => ending.abort(), HIDDEN_MS);
    };
    document.addEventListener("visibilitychange", seen);
    return () => {
      isOver = true;
      ending.abort();
      clearTimeout(silence);
      clearInterval(drawing);
      clearTimeout(hiding);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [key, keep]);
  return buffer.current;
}

function pause(span: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, span));
}
