// SPDX-License-Identifier: Apache-2.0
// The page that shows the portal in a frame, and what it can ask for: the parameters of the link, and the messages it
// gets. There may be no host: a link can also be opened by itself.

/** What a link asks for beside its key. Svix's names, so that its React component and old links go on working. */
export interface Wishes {
  /** A page of the portal to begin with, such as /endpoints/ep_1. */
  next: string | null;
  colourLight: string | null;
  colourDark: string | null;
  icon: string | null;
  font: string | null;
  /** Null: nothing is asked for, so the reader may choose. */
  theme: "light" | "dark" | "system" | null;
  hidesNavigation: boolean;
  hasNoGutters: boolean;
}

export const isFramed = window.parent !== window;

const PAGES = /^\/(endpoints|messages|event-types|catalogue|activity|live|playground)(\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,255}){0,2}\/?$/;

/** Only a path of the portal: anything else, such as //elsewhere.example, is dropped. */
function nextOf(text: string | null): string | null {
  const path = text?.split(/[?#]/)[0] ?? "";
  return PAGES.test(path) ? path.replace(/^\/(catalogue)/, "/event-types") : null;
}

/** "#0B6872" and "0b6872" alike; null for everything else. */
function colourOf(text: string | null): string | null {
  const found = /^#?([0-9a-f]{6})$/i.exec(text ?? "");
  return found ? `#${found[1]!.toLowerCase()}` : null;
}

export function readWishes(search: string): Wishes {
  const query = new URLSearchParams(search);
  const dark = query.get("darkMode");
  const both = colourOf(query.get("primaryColor"));
  return {
    next: nextOf(query.get("next")),
    colourLight: colourOf(query.get("primaryColorLight")) ?? both,
    colourDark: colourOf(query.get("primaryColorDark")) ?? both,
    icon: query.get("icon"),
    font: query.get("fontFamily"),
    theme: dark === "true" ? "dark" : dark === "false" ? "light" : dark === "auto" ? "system" : null,
    hidesNavigation: query.get("hideNavigation") === "true",
    hasNoGutters: query.get("noGutters") === "true",
  };
}

/** The host's origin, where the browser tells it. */
function hostOrigin(): string {
  try {
    const told = document.referrer || location.ancestorOrigins?.[0];
    if (told) return new URL(told).origin;
  } catch {
    // An opaque origin, such as that of a file.
  }
  return "*"; // neither message says anything that others may not know
}

function tell(message: unknown): void {
  if (isFramed) window.parent.postMessage(message, hostOrigin());
}

/** A host whose links are all refused would otherwise be asked for the next one at once, for ever. */
const ASK_EVERY_MS = 5000;
let askAfter = 0;

/** The host is asked for a new link, since the session has ended; `next` is where the reader was. When it was asked a
    moment ago it is asked later, if `isStillSo`. */
export function tellExpired(next: string, isStillSo: () => boolean): void {
  const wait = Math.max(0, askAfter - Date.now());
  askAfter = Date.now() + wait + ASK_EVERY_MS;
  const ask = (): void => tell({ type: "grapnel.portal.expired", next });
  if (wait === 0) ask();
  else setTimeout(() => isStillSo() && ask(), wait);
}

/** The host hands in a new link: nothing that was typed is lost then, as it is when the frame is loaded again. */
export function onLink(take: (url: URL) => void): void {
  if (!isFramed) return;
  addEventListener("message", (event: MessageEvent<{ type?: unknown; url?: unknown } | null>) => {
    if (event.source !== window.parent || event.data?.type !== "grapnel.portal.link" || typeof event.data.url !== "string") return;
    try {
      take(new URL(event.data.url, location.href));
    } catch {
      // No address.
    }
  });
}

/** A frame may be as high as its page, so what floats over it is put near where the reader clicked last. */
export function followClicks(): void {
  if (!isFramed) return;
  document.documentElement.classList.add("framed");
  addEventListener("click", (event) => {
    const top = event.clientY || (event.target as Element | null)?.getBoundingClientRect().top || 0;
    document.documentElement.style.setProperty("--at-y", `${Math.round(top)}px`);
  }, { capture: true });
}

const TELL_EVERY_MS = 250;

/** Tells the host how high the page is, whenever that changes, at most four times a second. */
export function tellHeightOf(element: HTMLElement): void {
  if (!isFramed) return;
  let told = 0, timer: number | undefined;
  const tellNow = (): void => {
    timer = undefined;
    const height = Math.ceil(element.getBoundingClientRect().height);
    if (height === told) return;
    told = height;
    tell({ type: "svix.iframe-resizer-height", payload: { height } });
  };
  new ResizeObserver(() => (timer ??= window.setTimeout(tellNow, TELL_EVERY_MS))).observe(element);
  tellNow();
}
