// SPDX-License-Identifier: Apache-2.0
// What several pages of the console need: how an endpoint does, forms of lists and metadata, calls as curl.
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { addressOf, api, Copy, count, Dialog, ErrorPanel, part, SkelLines, Status, useLoad, type Loaded, type Query, type StatusName } from "../kit";
import { W } from "../words/en";
import { C } from "../words/console";
import type { Application, Endpoint, Health, MessageEndpoint, Metadata } from "./types";

/** The name people gave it, else where it delivers to. */
export function endpointName(endpoint: { description?: string; uid?: string | null; url: string }): string {
  return endpoint.description || endpoint.uid || hostOf(endpoint.url);
}

export function hostOf(url: string): string {
  try {
    return new URL(url).host || url;
  } catch {
    return url;
  }
}

export function appPath(app: string): string {
  return `/api/v1/app/${part(app)}`;
}

export function endpointPath(app: string, endpoint: string): string {
  return `${appPath(app)}/endpoint/${part(endpoint)}`;
}

/** An endpoint with its filter as it was written: as an object its big numbers would be rounded. */
export async function readEndpoint(app: string, endpoint: string, signal?: AbortSignal): Promise<Endpoint> {
  const raw = await api.raw<Endpoint>(endpointPath(app, endpoint), undefined, signal);
  return { ...raw.value, filterText: raw.raw("filter") };
}

/** The playground, beginning with a message, and with an attempt's headers where the signature is looked at. */
export function playgroundTo(tab: "signature" | "filter" | "transform", app: string, message?: string, endpoint?: string, attempt?: string): string {
  const pairs = Object.entries({ tab, app, message, endpoint, attempt }).filter(([, value]) => value);
  return `/playground?${new URLSearchParams(pairs as [string, string][]).toString()}`;
}

export const APPS = { label: C.nav.apps, to: "/apps" };

/** The application of a page, for its name. */
export function useApp(app: string): Loaded<Application> {
  return useLoad(`app ${app}`, (signal) => api.get<Application>(appPath(app), undefined, signal));
}

export function appCrumb(app: string, loaded: Application | undefined): { label: string; to: string } {
  return { label: loaded?.name ?? app, to: `/apps/${part(app)}` };
}

export function endpointStatus(endpoint: Endpoint, health: Health | undefined): StatusName {
  if (endpoint.disabled) return endpoint.disabledReason === "failing" || endpoint.disabledReason === "gone" ? "attention" : "disabled";
  if (!health) return "enabled";
  if (health.parkedUntil && new Date(health.parkedUntil).getTime() > Date.now()) return "parked";
  if (health.status === "failing") return "failing";
  if (health.throttledUntil && health.pendingCount) return "throttled";
  return "enabled";
}

export function EndpointStatus({ endpoint, health }: { endpoint: Endpoint; health: Health | undefined }): JSX.Element {
  const is = endpointStatus(endpoint, health);
  return <Status is={is}>{is === "attention" ? W.status.disabled : undefined}</Status>;
}

/** How one delivery stands. */
export function deliveryStatus(delivery: Pick<MessageEndpoint, "status" | "blockedBy" | "throttledUntil">): StatusName {
  switch (delivery.status) {
    case 0:
      return "delivered";
    case 1:
    case 3:
      if (delivery.blockedBy) return "behind";
      if (delivery.throttledUntil) return "throttled";
      return delivery.status === 3 ? "retrying" : "waiting";
    case 4:
      return "canceled";
    default:
      return "givenUp";
  }
}

/** Shows what was loaded, the shape of it while it comes, or what went wrong. */
export function Shown<T>({ loaded, children, skeleton }: { loaded: Loaded<T>; children: (data: T) => ComponentChildren; skeleton?: ComponentChildren }): JSX.Element {
  return (
    <>
      {loaded.error != null && <ErrorPanel error={loaded.error} onRetry={loaded.reload} />}
      {loaded.data !== undefined ? children(loaded.data) : loaded.error == null && loaded.isSlow ? skeleton ?? <SkelLines /> : null}
    </>
  );
}

/** "a, b" as a list; empty: null. */
export function listOf(text: string): string[] | null {
  const items = text.split(/[,\n]/).map((one) => one.trim()).filter(Boolean);
  return items.length ? items : null;
}

export function metadataText(metadata: Metadata | null | undefined): string {
  return Object.entries(metadata ?? {}).map(([key, value]) => `${key}: ${value}`).join("\n");
}

/** The pairs of a text with one a line; throws with the line that has no colon. */
export function metadataOf(text: string): Metadata {
  const pairs: Metadata = {};
  for (const line of text.split("\n").map((one) => one.trim()).filter(Boolean)) {
    const colon = line.indexOf(":");
    if (colon < 1) throw new Error(C.common.metadataBad(line));
    pairs[line.slice(0, colon).trim()] = line.slice(colon + 1).trim();
  }
  return pairs;
}

/** A number typed, or null where nothing was. */
export function numberOf(text: string): number | null {
  const value = Number(text.trim());
  return text.trim() === "" || !Number.isFinite(value) ? null : value;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The call as a line for a shell; the token is named, never written. */
export function curlOf(method: string, path: string, options: { query?: Query; body?: string } = {}): string {
  const lines = [`curl ${method === "GET" ? "" : `-X ${method} `}${quoted(window.location.origin + addressOf(path, options.query))}`, `-H "Authorization: Bearer $TOKEN"`];
  if (options.body !== undefined) lines.push("-H 'Content-Type: application/json'", `-d ${quoted(options.body)}`);
  return lines.join(" \\\n  ");
}

export function CurlDialog({ curl, onClose }: { curl: string; onClose: () => void }): JSX.Element {
  return (
    <Dialog wide title={C.common.curlTitle} onClose={onClose} footer={<><span class="grow hint">{C.common.curlHint}</span><Copy text={curl} /><button type="button" class="btn" data-first="" onClick={onClose}>{W.dialog.close}</button></>}>
      <pre class="pre framed wrap" tabIndex={0} role="region" aria-label={C.common.curlTitle}>{curl}</pre>
    </Dialog>
  );
}

/** A figure beside its word. */
export function Stat({ label, value, unit, sub, tone }: { label: ComponentChildren; value: ComponentChildren; unit?: ComponentChildren; sub?: ComponentChildren; tone?: "bad" | "warned" }): JSX.Element {
  return (
    <div class="stat">
      <span class="label">{label}</span>
      <span class={`v${tone ? ` ${tone}` : ""}`}>{value}{unit && <small>{unit}</small>}</span>
      {sub && <span class="sub">{sub}</span>}
    </div>
  );
}

/** Runs a few calls at a time, so that a page of a hundred rows does not fill the browser's connections. */
export async function eachOf<T, R>(items: readonly T[], most: number, act: (item: T) => Promise<R>): Promise<(R | undefined)[]> {
  const results: (R | undefined)[] = new Array(items.length).fill(undefined);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const at = next++;
      results[at] = await act(items[at]!).catch(() => undefined);
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
  return results;
}

/** Whether a dialog of several is open, and which. */
export function useOpen<T extends string>(): [T | null, (which: T | null) => void] {
  const [which, open] = useState<T | null>(null);
  return [which, open];
}

export function many(n: number, limit: number): string {
  return n >= limit ? `${count(limit)}+` : count(n);
}
