// SPDX-License-Identifier: Apache-2.0
// Tabs share streams, since a browser has six connections for a server and would not even load a seventh page. The tab
// that holds the lock of a question reads the stream and hands on what comes to those that ask the same; and there are
// no more than three questions at a time. A tab that is hidden lets go after a while, and the next one reads. Without Web
// Locks or BroadcastChannel each tab reads by itself.
import { ApiError, credentialsKey, type Query } from "./api";
import { type Last, Reader, type ReaderEvents, type ReaderState, WAITING } from "./reader";

/** As many streams as a browser may have open, of the six connections. */
const PLACES = 3;
const HIDDEN_MS = 30_000;

const CROWDED_MS = 2000;

/** An error as it goes to another tab, where it is made anew: classes do not travel. */
type HandedError = [status: number, code: string, detail: string, requestId: string];
type HandedState = Omit<ReaderState, "error"> & { error: HandedError | null };
type Handed = { hello: true } | { list: Parameters<ReaderEvents["onEvents"]>[0]; last: Last } | { state: HandedState; last: Last };

function packed(state: ReaderState): HandedState {
  const { error } = state;
  return { ...state, error: error instanceof ApiError ? [error.status, error.code, error.detail, error.requestId] : null };
}

/** Resolves to a function that gives the place back; null: it was not needed any more. */
function takePlace(name: string, signal: AbortSignal): Promise<(() => void) | null> {
  return new Promise((taken) => {
    let isTaken = false;
    const others = new AbortController();
    const stop = () => { others.abort(); taken(null); };
    signal.addEventListener("abort", stop, { once: true });
    for (let i = 0; i < PLACES; i++) {
      navigator.locks.request(`${name} place ${i}`, { signal: others.signal }, () => {
        if (isTaken || signal.aborted) return undefined;
        isTaken = true;
        signal.removeEventListener("abort", stop);
        others.abort(); // those still waiting; this one is granted
        return new Promise<void>((release) => taken(release));
      }).catch(() => undefined);
    }
  });
}

class Shared {
  private readonly channel: BroadcastChannel;
  private readonly ending = new AbortController();
  private reader: Reader | null = null;
  private state = WAITING;

  constructor(private readonly browser: string, private readonly query: Query, private readonly to: ReaderEvents, private last: Last) {
    const name = `${browser} ${JSON.stringify(query)}`;
    this.channel = new BroadcastChannel(name);
    this.channel.onmessage = ({ data }: MessageEvent<Handed>) => this.take(data);
    this.channel.postMessage({ hello: true });
    navigator.locks.request(name, { signal: this.ending.signal }, () => this.lead()).catch(() => undefined);
  }

  stop(): void {
    this.ending.abort();
    this.reader?.stop();
    this.channel.close();
  }

  private take(data: Handed): void {
    if ("hello" in data) {
      if (this.reader) this.channel.postMessage({ state: packed(this.state), last: this.last });
    } else if (!this.reader) {
      this.last = data.last ?? this.last;
      if ("list" in data) this.to.onEvents(data.list, data.last);
      else if (!data.state.isOver) this.to.onState({ ...data.state, error: data.state.error && new ApiError(...data.state.error) }); // over: this tab is to try by itself
    }
  }

  private set(state: ReaderState): void {
    if (this.ending.signal.aborted) return;
    this.state = state;
    this.channel.postMessage({ state: packed(state), last: this.last });
    this.to.onState(state);
  }

  /** Reads as long as the lock is ours: until it is over, or nobody here wants it. */
  private async lead(): Promise<void> {
    this.set(WAITING); // those who listened to the tab before are cut off
    const crowd = setTimeout(() => this.set({ ...WAITING, isCrowded: true }), CROWDED_MS);
    const release = await takePlace(this.browser, this.ending.signal);
    clearTimeout(crowd);
    if (!release) return;
    await new Promise<void>((over) => {
      this.ending.signal.addEventListener("abort", () => over(), { once: true });
      this.reader = new Reader(this.query, {
        onEvents: (list, last) => {
          this.last = last;
          this.channel.postMessage({ list, last });
          this.to.onEvents(list, last);
        },
        onState: (state) => {
          this.set(state);
          if (state.isOver) over();
        },
      }, this.last);
      if (this.ending.signal.aborted) { this.reader.stop(); over(); }
    });
    release();
  }
}

function open(query: Query, to: ReaderEvents, last: Last): { stop(): void } {
  const key = credentialsKey();
  return key !== null && "locks" in navigator && typeof BroadcastChannel === "function" ? new Shared(`grapnel-live ${key}`, query, to, last) : new Reader(query, to, last);
}

/** Follows the stream until the function that it returns is called, but for as long as the page is hidden. */
export function follow(query: Query, { onEvents, onState }: ReaderEvents): () => void {
  let upTo: Last = null, hiding: ReturnType<typeof setTimeout> | undefined;
  const to: ReaderEvents = { onState, onEvents: (list, last) => { upTo = last; onEvents(list, last); } };
  let source: { stop(): void } | null = open(query, to, upTo);
  const letGo = () => {
    source?.stop();
    source = null;
    onState(WAITING);
  };
  const seen = () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(letGo, HIDDEN_MS);
    else source ??= open(query, to, upTo);
  };
  document.addEventListener("visibilitychange", seen);
  return () => {
    clearTimeout(hiding);
    document.removeEventListener("visibilitychange", seen);
    source?.stop();
  };
}
