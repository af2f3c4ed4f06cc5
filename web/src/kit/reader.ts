// SPDX-License-Identifier: Apache-2.0
// One reader of the live stream. By fetch and not by EventSource, which cannot carry the header that a session needs. It
// opens the stream again when it breaks. Where a proxy on the way holds answers back until they end, it notices, and asks
// for streams of a few seconds, which do end.
import { ApiError, call, type Query } from "./api";

export interface ReaderState {
  isOpen: boolean;
  /** Nothing comes through as it happens: a proxy on the way holds answers back. What happened comes every few seconds. */
  isHeldBack: boolean;
  /** Other tabs have taken all the connections that streams may have. */
  isCrowded: boolean;
  error: unknown;
  /** It is over for good: the session ended, or what was asked for is not there. */
  isOver: boolean;
}

/** How far a reader got: the id of the last event. A stream that is opened with it goes on from there. */
export type Last = string | null;

export interface ReaderEvents {
  onEvents(list: [name: string, data: Record<string, unknown>][], last: Last): void;
  onState(state: ReaderState): void;
}

const AGAIN_MS = 3000;
/** The server speaks at once, and then every 15 s at least. */
const FIRST_MS = 10_000, SILENT_MS = 20_000;
/** How long a stream is that is asked for through a proxy that holds answers back. */
const HELD_S = 5;
/** What comes in pieces so much before its end was not held back. */
const EARLY_MS = 2000;

export const WAITING: ReaderState = { isOpen: false, isHeldBack: false, isCrowded: false, error: null, isOver: false };

export class Reader {
  private isStopped = false;
  private ending = new AbortController();
  private state = WAITING;

  constructor(private readonly query: Query, private readonly to: ReaderEvents, private last: Last) {
    void this.run();
  }

  stop(): void {
    this.isStopped = true;
    this.ending.abort();
  }

  private set(now: Partial<ReaderState>): void {
    this.state = { ...this.state, ...now };
    if (!this.isStopped) this.to.onState(this.state);
  }

  private async run(): Promise<void> {
    while (!this.isStopped) {
      try {
        if (this.state.isHeldBack) await this.readHeld();
        else await this.readLive();
      } catch (error) {
        if (this.isStopped) return;
        const isOver = error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429;
        this.set({ isOpen: false, error, isOver });
        if (isOver) return;
      }
      if (!this.isStopped && !this.state.isOpen) await pause(AGAIN_MS);
    }
  }

  /** Until it ends. Silence at the beginning is a proxy's; later it is a line that is dead. */
  private async readLive(): Promise<void> {
    let isHeldBack = false;
    let silence = setTimeout(() => { isHeldBack = true; this.ending.abort(); }, FIRST_MS);
    try {
      await this.read(this.query, () => {
        clearTimeout(silence);
        silence = setTimeout(() => this.ending.abort(), SILENT_MS);
        if (!this.state.isOpen) this.set({ isOpen: true, error: null });
      });
    } catch (error) {
      if (!this.ending.signal.aborted) throw error;
    } finally {
      clearTimeout(silence);
    }
    this.set(isHeldBack ? { isHeldBack: true, isOpen: true, error: null } : { isOpen: false });
  }

  private async readHeld(): Promise<void> {
    const since = Date.now();
    let first = 0;
    await this.read({ ...this.query, seconds: HELD_S }, () => (first ||= Date.now()));
    if (first && first - since < EARLY_MS) this.set({ isHeldBack: false, isOpen: false });
    else this.set({ isOpen: true, error: null });
  }

  /** Reads one answer to its end. */
  private async read(query: Query, onBytes: () => void): Promise<void> {
    this.ending = new AbortController();
    const headers: Record<string, string> = this.last ? { "Last-Event-ID": this.last } : {};
    const answer = await call("GET", "/api/v1/stream", { query, headers, signal: this.ending.signal });
    if (!answer.body) return;
    const reader = answer.body.getReader(), decoder = new TextDecoder();
    let rest = "", name = "", id = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onBytes();
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n"), list: Parameters<ReaderEvents["onEvents"]>[0] = [];
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line.startsWith("event: ")) name = line.slice(7).trim();
        else if (line.startsWith("id: ")) id = line.slice(4).trim();
        else if (line.startsWith("data: ")) {
          list.push([name, JSON.parse(line.slice(6))]);
          this.last = id || this.last;
        }
      }
      if (list.length && !this.isStopped) this.to.onEvents(list, this.last);
    }
  }
}

function pause(span: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, span));
}
