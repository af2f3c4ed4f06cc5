// SPDX-License-Identifier: Apache-2.0
// One box for everything that has a name: `/` opens it, Enter goes to the first that is found.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { api, ErrorPanel, Icon, navigate, part, type IconName } from "../kit";
import { C } from "../words/console";
import { loadViews, views, viewTo } from "./views";

export interface Found {
  kind: string;
  id: string;
  uid: string | null;
  title: string;
  detail: string | null;
  applicationId: string | null;
  applicationName: string | null;
  sourceId: string | null;
  sourceName: string | null;
  msgId: string | null;
}

const isOpen = signal(false);

export function openFinder(): void {
  isOpen.value = true;
}

const TYPING_MS = 160;

const ICONS: Record<string, IconName> = {
  application: "apps", endpoint: "send", message: "doc", attempt: "retry", source: "in", request: "in", filter: "funnel", filter_run: "funnel", task: "bulk", event_type: "types", view: "book",
};

const LEAST = 2;

export interface FoundList {
  data: Found[];
  complete: boolean;
}

export function find(text: string, signal: AbortSignal): Promise<FoundList> {
  return api.get<FoundList>("/api/v1/find", { q: text }, signal);
}

/** The console's page of something found. */
export function pageOf(found: Found): string {
  const app = `/apps/${part(found.applicationId ?? found.id)}`;
  switch (found.kind) {
    case "endpoint":
      return found.sourceId ? `/sources/${part(found.sourceId)}/endpoints` : `${app}/endpoints/${part(found.id)}`;
    case "message":
      return `${app}/messages/${part(found.id)}`;
    case "attempt":
      return `${app}/messages/${part(found.msgId ?? "")}?attempt=${part(found.id)}`;
    case "source":
      return `/sources/${part(found.id)}`;
    case "request":
      return `/sources/${part(found.sourceId ?? "")}?request=${part(found.id)}`;
    case "filter":
      return `${app}/filters`;
    case "filter_run":
      return `${app}/runs/${part(found.id)}`;
    case "task":
      return `/tasks/${part(found.id)}`;
    case "view":
      return found.uid!;
    case "event_type":
      return `/event-types/${part(found.id)}`;
    default:
      return app;
  }
}

const VIEWS_SHOWN = 6;

/** Saved views by their names, before what the server finds. */
function viewsFound(text: string): Found[] {
  const q = text.trim().toLowerCase();
  return (views.value ?? []).filter((view) => view.name.toLowerCase().includes(q)).slice(0, VIEWS_SHOWN)
    .map((view) => ({ kind: "view", id: view.id, uid: viewTo(view), title: view.name, detail: viewTo(view), applicationId: null, applicationName: C.views.title, sourceId: null, sourceName: null, msgId: null }));
}

export function Finder(): JSX.Element | null {
  return isOpen.value ? <FinderBox onClose={() => (isOpen.value = false)} /> : null;
}

interface FoundState {
  found: Found[] | null;
  isPart: boolean;
  error: unknown;
}

const NOTHING: FoundState = { found: null, isPart: false, error: null };

function useFound(text: string): FoundState {
  const [state, setState] = useState<FoundState>(NOTHING);
  useEffect(() => {
    const q = text.trim();
    if (q.length < LEAST) return setState(NOTHING);
    const ending = new AbortController();
    const timer = setTimeout(() => {
      find(q, ending.signal).then(
        (list) => setState({ found: list.data, isPart: !list.complete, error: null }),
        (error) => !ending.signal.aborted && setState({ ...NOTHING, error }),
      );
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
      ending.abort();
    };
  }, [text]);
  return state;
}

function FinderBox({ onClose }: { onClose: () => void }): JSX.Element {
  const box = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const { found: named, isPart, error } = useFound(text);
  const saved = viewsFound(text);
  const found = named || saved.length ? [...saved, ...(named ?? [])] : null;
  useLayoutEffect(() => {
    const dialog = box.current!;
    dialog.showModal();
    dialog.querySelector("input")?.focus();
    void loadViews().catch(() => undefined); // the search works without them
    return () => dialog.close();
  }, []);
  useEffect(() => setAt(0), [named, text]);
  const go = (one: Found | undefined) => {
    if (!one) return;
    onClose();
    navigate(pageOf(one));
  };
  const key = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (!step || !found?.length) return;
    event.preventDefault();
    setAt((at + step + found.length) % found.length);
  };
  return (
    <dialog ref={box} class="dialog finder" aria-label={C.find.title} onCancel={(event) => { event.preventDefault(); onClose(); }} onClick={(event) => event.target === box.current && onClose()}>
      <form onSubmit={(event) => { event.preventDefault(); go(found?.[at]); }}>
        <div class="finder-in">
          <Icon name="search" />
          <input type="text" list={undefined} value={text} placeholder={C.find.placeholder} aria-label={C.find.label} autocomplete="off" spellcheck={false} role="combobox" aria-expanded={!!found?.length} aria-controls="found" aria-activedescendant={found?.length ? `found-${at}` : undefined}
            onInput={(event) => setText(event.currentTarget.value)} onKeyDown={key} />
        </div>
      </form>
      {error != null && <ErrorPanel error={error} />}
      <div id="found" role="listbox" aria-label={C.find.title} class="found">
        {found?.map((one, i) => (
          <div role="option" id={`found-${i}`} aria-selected={i === at} class="found-row" onClick={() => go(one)} onPointerMove={() => setAt(i)}>
            <Icon name={ICONS[one.kind] ?? "doc"} />
            <span class="found-t trunc"><bdi>{one.title}</bdi>{(one.applicationName ?? one.sourceName) && <span class="muted"> · <bdi>{one.applicationName ?? one.sourceName}</bdi></span>}</span>
            <span class="muted mono trunc"><bdi>{one.detail ?? one.uid ?? one.id}</bdi></span>
          </div>
        ))}
      </div>
      {text.trim().length >= LEAST && <p class="finder-more"><button type="button" class="linkish" onClick={() => { onClose(); navigate(`/deliveries?text=${part(text.trim())}`); }}>{C.find.inPayloads(text.trim())}</button></p>}
      <p class="hint finder-hint" role="status">{hintOf(text.trim(), named && found, isPart)}</p>
    </dialog>
  );
}

function hintOf(q: string, found: Found[] | null, isPart: boolean): string {
  if (q.length < LEAST) return C.find.hint;
  if (!found) return "";
  if (!found.length) return isPart ? C.find.nothingYet(q) : C.find.nothing(q);
  return isPart ? C.find.part(found.length) : C.find.results(found.length);
}
