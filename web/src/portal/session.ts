// SPDX-License-Identifier: Apache-2.0
// Who looks at the portal. A link's fragment holds a code, which is taken out of the address at once and changed for
// a token. The token is kept in memory and, where the browser lets us, in sessionStorage, so that a reload goes on;
// nothing depends on that, since in frames of other sites storage may throw. There are no cookies.
import { signal } from "@preact/signals";
import { api, ApiError, setCredentials, setLostHandler } from "../kit/api";
import { path } from "../kit/router";
import { onLink, tellExpired } from "./host";

export type Capability = "ViewBase" | "ViewEndpointSecret" | "ManageEndpointSecret" | "ManageTransformations" | "CreateAttempts" | "ManageEndpoint";

interface Whoami {
  applicationId?: string | null;
  sourceId?: string | null;
  capabilities?: string[] | null;
  readOnly?: boolean;
}

/** What the operator of the server says about the portal. */
export interface Config {
  name?: string | null;
  logo?: string | null;
  supportUrl?: string | null;
  hide?: string[];
  iconOrigins?: string[];
}

export interface Session {
  /** Counts sessions: the pages of one forget everything before the next. */
  serial: number;
  appId: string;
  sourceId: string | null;
  capabilities: ReadonlySet<string>;
  isReadOnly: boolean;
  config: Config;
}

export type Phase = "opening" | "open" | "none" | "used" | "expired" | "failed";

export const phase = signal<Phase>("opening");
export const session = signal<Session | null>(null);
export const failure = signal<unknown>(null);

/** A part of the portal that the operator does not offer. */
export function isHidden(feature: "channels" | "transforms" | "headers" | "throttle" | "catalogue"): boolean {
  return session.value?.config.hide?.includes(feature) ?? false;
}

/** Whether the link allows it. What it does not allow is not shown; the server refuses it in any case. */
export function may(capability: Capability): boolean {
  const now = session.value;
  if (!now) return false;
  const isChange = capability !== "ViewBase" && capability !== "ViewEndpointSecret";
  return now.capabilities.has(capability) && !(isChange && now.isReadOnly);
}

// --- what a link holds -------------------------------------------------------------------------------------

interface Key {
  appId: string;
  token: string;
}

/** The key of a fragment: base64 of {"appId", "token"}, or a bare token as older links have it. */
export function keyOf(fragment: string): Key | null {
  const found = /[#&]key=([^&]+)/.exec(fragment)?.[1];
  if (!found) return null;
  let text = found;
  try {
    text = decodeURIComponent(found);
    const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    const read = JSON.parse(new TextDecoder().decode(Uint8Array.from(binary, (c) => c.charCodeAt(0)))) as Partial<Key>;
    if (typeof read.token === "string") return { appId: typeof read.appId === "string" ? read.appId : "", token: read.token };
  } catch {
    // Not base64, or not an object: a bare token.
  }
  return /^[A-Za-z0-9._-]{8,4096}$/.test(text) ? { appId: "", token: text } : null;
}

/** Takes the key out of the address, so that nobody reads it there or sends it on. */
function takeKey(): Key | null {
  const key = keyOf(location.hash);
  if (location.hash) history.replaceState(history.state, "", location.pathname + location.search);
  return key;
}

const TOKEN = "grapnel.portal", PLACE = "grapnel.portal.at";

/** In this tab, where the browser lets us; in a frame without storage, a reload asks the host for a new link. */
function keep(name: string, value: string | null): void {
  try {
    if (value === null) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, value);
  } catch {
    // Nothing depends on it.
  }
}

function kept(name: string): string | null {
  try {
    return sessionStorage.getItem(name);
  } catch {
    return null;
  }
}

/** The page at which the last session ended, told once. */
export function lastPlace(): string | null {
  const place = kept(PLACE);
  keep(PLACE, null);
  return place;
}

// --- opening -----------------------------------------------------------------------------------------------

/** A code becomes a token; a token stays one. */
async function tokenFor(key: Key): Promise<string> {
  setCredentials({ kind: "none" });
  try {
    return (await api.post<{ token: string }>("/api/v1/auth/portal-session", { code: key.token })).token;
  } catch (error) {
    if (error instanceof ApiError && error.status < 500 && error.status !== 0 && key.token.startsWith("gk_")) return key.token;
    throw error;
  }
}

let serials = 0;

async function enter(token: string, appId: string): Promise<void> {
  setCredentials({ kind: "bearer", token });
  const [who, config] = await Promise.all([api.get<Whoami>("/api/v1/auth/whoami"), api.get<Config>("/api/v1/portal/config")]);
  keep(TOKEN, token);
  const was = session.value, next: Session = {
    serial: serials + 1,
    appId: who.applicationId || appId,
    sourceId: who.sourceId ?? null,
    capabilities: new Set(who.capabilities ?? []),
    isReadOnly: who.readOnly ?? false,
    config,
  };
  const isBack = !!waiting && !!was && isSame(was, next);
  if (isBack) next.serial = was.serial;
  else serials++;
  session.value = next;
  failure.value = null;
  phase.value = "open";
  waiting?.tell(isBack);
  waiting = null;
}

/** Told when a session has ended, to all calls that wait: whether the next one is theirs. */
let waiting: { back: Promise<boolean>; tell: (isBack: boolean) => void } | null = null;

/** The page stays behind the words that its session has ended, with what was typed: the next link may be for the same. */
function leave(next: Phase, error: unknown = null): void {
  keep(TOKEN, null);
  setCredentials(waiting ? { kind: "lost", back: waiting.back } : { kind: "none" });
  failure.value = error;
  phase.value = next;
}

function askHost(): void {
  tellExpired(path.value, () => phase.value !== "open");
}

function lose(): Promise<boolean> {
  let tell: (isBack: boolean) => void = () => undefined;
  const back = new Promise<boolean>((resolve) => (tell = resolve));
  waiting = { back, tell };
  keep(PLACE, path.value);
  leave("expired");
  askHost();
  return back;
}

function isSame(a: Session, b: Session): boolean {
  const rights = (one: Session): string => [...one.capabilities].sort().join();
  return a.appId === b.appId && a.sourceId === b.sourceId && a.isReadOnly === b.isReadOnly && rights(a) === rights(b);
}

function isRefusal(error: unknown): boolean {
  return error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429;
}

let tried: Key | null = null;

/** With what the address or the storage holds; the address counts more. */
async function open(key: Key | null): Promise<void> {
  tried = key;
  const token = key ? null : kept(TOKEN);
  if (!key && !token) {
    leave("none");
    return askHost(); // a frame without storage was loaded again
  }
  try {
    await enter(token ?? (await tokenFor(key!)), key?.appId ?? "");
  } catch (error) {
    if (!isRefusal(error)) return leave("failed", error);
    leave(key ? "used" : "expired");
    askHost();
  }
}

export async function startSession(onOpen: () => void): Promise<void> {
  setLostHandler(() => (phase.value === "open" ? lose() : Promise.resolve(false)));
  // A host that puts a new link into the same frame changes only the fragment: the page is not loaded again.
  const take = (key: Key | null): void => void (key && open(key).then(onOpen));
  addEventListener("hashchange", () => take(takeKey()));
  onLink((url) => take(keyOf(url.hash)));
  await open(takeKey());
  onOpen();
}

/** Once more, after an error that may pass. */
export async function retrySession(onOpen: () => void): Promise<void> {
  phase.value = "opening";
  await open(tried);
  onOpen();
}
