// SPDX-License-Identifier: Apache-2.0
// Pages by their address. What one looks at (filters, range, open row, tab) stands in the address, so that back,
// reload and a link sent to a colleague show the same thing.
import { computed, signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { basePath } from "./api";
import type { Common } from "./props";

let root = "";
const address = signal(read());

function read(): { path: string; search: string } {
  return { path: window.location.pathname, search: window.location.search };
}

/** The path below the face, such as /apps/app_1. */
export const path = computed(() => {
  const full = address.value.path;
  const prefix = basePath() + root;
  const rest = full.startsWith(prefix) ? full.slice(prefix.length) : full;
  return `/${rest.replace(/^\/+|\/+$/g, "")}`;
});

export const query = computed(() => new URLSearchParams(address.value.search));

/** Asked before a page is left; false keeps it. */
let guard: (() => boolean) | null = null;

export function setLeaveGuard(ask: (() => boolean) | null): void {
  guard = ask;
}

/** Begins to listen: `face` is "/console" or "/portal". */
export function startRouter(face: string): void {
  root = face;
  address.value = read();
  addEventListener("popstate", () => (address.value = read()));
  addEventListener("click", followLink);
  addEventListener("beforeunload", (event) => {
    if (guard && !guard()) event.preventDefault();
  });
}

/** The full address of a page of this face. */
export function href(to: string): string {
  return basePath() + root + to;
}

export function navigate(to: string, options: { replace?: boolean; keepScroll?: boolean } = {}): void {
  const [pathOnly = "", search] = to.split("?");
  const changesPage = pathOnly.replace(/\/+$/, "") !== path.value.replace(/\/+$/, "");
  if (changesPage && guard && !guard()) return;
  const full = href(to);
  if (options.replace) history.replaceState(null, "", full);
  else history.pushState(null, "", full);
  address.value = { path: href(pathOnly), search: search ? `?${search}` : "" };
  if (changesPage && !options.keepScroll) arrive();
}

/** A new page begins at its top, and a screen reader hears of it. */
function arrive(): void {
  scrollTo(0, 0);
  requestAnimationFrame(() => document.getElementById("main")?.focus({ preventScroll: true }));
}

/** Changes members of the query; null or an empty text takes one away. The place on the page stays. */
export function setQuery(changes: Record<string, string | null>, options: { replace?: boolean } = {}): void {
  const next = new URLSearchParams(address.value.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") next.delete(name);
    else next.set(name, value);
  }
  const text = next.toString();
  navigate(path.value + (text ? `?${text}` : ""), { ...options, keepScroll: true });
}

function followLink(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element | null)?.closest?.("a");
  if (!link || link.target || link.hasAttribute("download") || link.origin !== window.location.origin) return;
  const prefix = basePath() + root;
  if (link.pathname !== prefix && !link.pathname.startsWith(`${prefix}/`)) return;
  if (link.hash && link.pathname === window.location.pathname) return;
  event.preventDefault();
  navigate(link.pathname.slice(prefix.length) + link.search);
}

export type Params = Record<string, string>;

/** The parts of a path that a pattern such as /apps/:app names, or null when it does not fit. */
export function match(pattern: string, at: string): Params | null {
  const want = pattern.split("/"), have = at.split("/");
  if (want.length !== have.length) return null;
  const params: Params = {};
  for (let i = 0; i < want.length; i++) {
    const name = want[i]!, value = have[i]!;
    if (name.startsWith(":")) {
      try {
        params[name.slice(1)] = decodeURIComponent(value);
      } catch {
        return null;
      }
    } else if (name !== value) return null;
  }
  return params;
}

interface LinkProps extends Common {
  to: string;
  children: ComponentChildren;
  "aria-current"?: "page" | "true";
}

/** A link to a page of this face. */
export function Link({ to, ...rest }: LinkProps): JSX.Element {
  return <a {...rest} href={href(to)} />;
}
