// SPDX-License-Identifier: Apache-2.0
// Loading for a component. What was there stays until what is new has come; only after 150 ms is loading shown, so
// that nothing flickers on a fast line.
import { useEffect, useRef, useState } from "preact/hooks";

const PATIENCE_MS = 150;

export interface Loaded<T> {
  /** What `data` was loaded for. */
  key: string;
  data: T | undefined;
  error: unknown;
  /** It has taken long enough to show the shape of what comes. */
  isSlow: boolean;
  isLoading: boolean;
  reload(): void;
  /** Puts in what is known without asking again, such as the answer to a change. */
  set(data: T): void;
}

interface State<T> {
  key: string;
  data?: T;
  error?: unknown;
  isSlow: boolean;
  isLoading: boolean;
}

interface LoadOptions {
  /** Asks again so often, in milliseconds, while the page is seen. */
  everyMs?: number;
  /** Nothing is loaded as long as this is true. */
  isOff?: boolean;
}

let underWay = 0;

/** The page says of itself whether it still loads, for whoever waits for it, such as a test. */
function note(step: 1 | -1): void {
  underWay += step;
  if (underWay > 0) document.documentElement.dataset["loading"] = String(underWay);
  else delete document.documentElement.dataset["loading"];
}

/** Loads whenever the key changes. */
export function useLoad<T>(key: string, load: (signal: AbortSignal) => Promise<T>, options: LoadOptions = {}): Loaded<T> {
  const [state, setState] = useState<State<T>>({ key, isSlow: false, isLoading: !options.isOff });
  const [turn, setTurn] = useState(0);
  const latest = useRef(load);
  latest.current = load;

  useEffect(() => {
    if (options.isOff) return;
    const ending = new AbortController();
    const patience = setTimeout(() => setState((was) => ({ ...was, ...(was.key === key ? {} : { data: undefined, error: undefined }), isSlow: true })), PATIENCE_MS);
    setState((was) => ({ ...was, isLoading: true, isSlow: false }));
    note(1);
    latest.current(ending.signal).then(
      (data) => !ending.signal.aborted && setState({ key, data, isSlow: false, isLoading: false }),
      (error) =>
        !ending.signal.aborted &&
        setState((was) => ({ key, data: was.key === key ? was.data : undefined, error, isSlow: false, isLoading: false })),
    ).finally(() => {
      clearTimeout(patience);
      note(-1);
    });
    return () => {
      clearTimeout(patience);
      ending.abort();
    };
  }, [key, turn, options.isOff]);

  useEffect(() => {
    if (!options.everyMs || options.isOff) return;
    const timer = setInterval(() => !document.hidden && setTurn((n) => n + 1), options.everyMs);
    return () => clearInterval(timer);
  }, [options.everyMs, options.isOff]);

  return {
    ...state,
    data: state.data,
    error: state.error,
    reload: () => setTurn((n) => n + 1),
    set: (data) => setState({ key, data, isSlow: false, isLoading: false }),
  };
}

/** For a button: runs at most one at a time and keeps the error. */
export function useAct(): { isBusy: boolean; error: unknown; run(act: () => Promise<void>): Promise<boolean>; clear(): void } {
  const [state, setState] = useState<{ isBusy: boolean; error: unknown }>({ isBusy: false, error: null });
  const isRunning = useRef(false);
  const run = async (act: () => Promise<void>): Promise<boolean> => {
    if (isRunning.current) return false;
    isRunning.current = true;
    setState({ isBusy: true, error: null });
    try {
      await act();
      setState({ isBusy: false, error: null });
      return true;
    } catch (error) {
      setState({ isBusy: false, error });
      return false;
    } finally {
      isRunning.current = false;
    }
  };
  return { ...state, run, clear: () => setState({ isBusy: false, error: null }) };
}
