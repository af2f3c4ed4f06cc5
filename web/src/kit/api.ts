// SPDX-License-Identifier: Apache-2.0
// Calls of the API. Answers with payloads are kept as text beside the parsed object, since JSON.parse rounds big
// numbers and reorders keys; raw() hands out what really stands in the answer.
import { signal } from "@preact/signals";
import { memberText } from "./scan";

/** How calls prove who makes them: the console by its cookie and the header beside it, the portal by a bearer. Those of
    a session that has ended wait for the next one, or for the word that there is none for them. */
export type Credentials = { kind: "none" } | { kind: "cookie"; csrf: string } | { kind: "bearer"; token: string } | { kind: "lost"; back: Promise<boolean> };

export type Query = Record<string, string | number | boolean | null | undefined | readonly string[]>;

export interface CallOptions {
  query?: Query;
  body?: unknown;
  /** Sent as it is, in place of body. */
  text?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** A 401 is the answer to what was typed, not the end of the session. */
  isProof?: boolean;
}

/** An answer that is not 2xx, or none at all (status 0), in the server's own words. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly requestId: string,
    readonly fields: readonly FieldError[] = [],
  ) {
    super(detail);
    this.name = "ApiError";
  }
}

export interface FieldError {
  field: string;
  message: string;
}

/** A page of a list. */
export interface List<T> {
  data: T[];
  iterator?: string | null;
  prevIterator?: string | null;
  done: boolean;
}

let credentials: Credentials = { kind: "none" };
let onLost: (() => Promise<boolean>) | null = null;
let losing: Promise<boolean> | null = null;
let onProof: (() => Promise<boolean>) | null = null;
let proving: Promise<boolean> | null = null;
let base = "";

/** Server's clock minus the browser's, in milliseconds; null until an answer told it. */
export const clockSkewMs = signal<number | null>(null);

export function setCredentials(next: Credentials): void {
  credentials = next;
}

/** The same in all tabs that have one session, and in no others; null: a tab's credentials are its own. */
export function credentialsKey(): string | null {
  return credentials.kind === "cookie" ? credentials.csrf : null;
}

/** The path in front of everything, such as "/hooks" behind a proxy. */
export function setBase(path: string): void {
  base = path.replace(/\/+$/, "");
}

export function basePath(): string {
  return base;
}

/** Called once when a session has ended; true when there is a new one and the call may be made again. */
export function setLostHandler(handler: (() => Promise<boolean>) | null): void {
  onLost = handler;
}

/** Called when a change asks for a new proof of who one is; true when it was given and the call may be made again. */
export function setProofHandler(handler: (() => Promise<boolean>) | null): void {
  onProof = handler;
}

async function isProofNeeded(answer: Response): Promise<boolean> {
  if (answer.status !== 403 || !onProof) return false;
  const body = (await answer.clone().json().catch(() => null)) as { code?: string } | null;
  return body?.code === "proof_needed";
}

function requestHeaders(options: CallOptions, requestId: string): Headers {
  const headers = new Headers(options.headers);
  headers.set("X-Request-Id", requestId);
  if (options.body !== undefined || options.text !== undefined) headers.set("Content-Type", "application/json");
  if (credentials.kind === "bearer") headers.set("Authorization", `Bearer ${credentials.token}`);
  if (credentials.kind === "cookie") headers.set("X-Grapnel-CSRF", credentials.csrf);
  return headers;
}

export function addressOf(path: string, query?: Query): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === null || value === undefined || value === "") continue;
    if (Array.isArray(value)) for (const one of value) pairs.append(name, one);
    else pairs.append(name, String(value));
  }
  const text = pairs.toString();
  return base + path + (text ? `?${text}` : "");
}

function fieldsOf(detail: unknown): FieldError[] {
  if (!Array.isArray(detail)) return [];
  return detail.map((one: { loc?: unknown[]; msg?: string }) => ({
    field: (one.loc ?? []).filter((part) => part !== "body").join("."),
    message: one.msg ?? "",
  }));
}

/** The request's name, by which it can be found in the server's log; the server takes ours. */
function newRequestId(): string {
  const random = crypto.getRandomValues(new Uint32Array(2));
  return `web-${random[0]!.toString(36)}${random[1]!.toString(36)}`;
}

async function errorOf(answer: Response, requestId: string): Promise<ApiError> {
  const text = await answer.text().catch(() => "");
  let body: { code?: string; detail?: unknown } = {};
  try {
    body = JSON.parse(text);
  } catch {
    body = { detail: text.slice(0, 2000) };
  }
  const fields = fieldsOf(body.detail);
  const words = fields.length ? fields.map((one) => `${one.field}: ${one.message}`).join("; ") : String(body.detail ?? "");
  return new ApiError(answer.status, body.code ?? "", words || answer.statusText || `HTTP ${answer.status}`, requestId, fields);
}

function noteClock(answer: Response, sentAt: number): void {
  const date = Date.parse(answer.headers.get("Date") ?? "");
  if (!Number.isFinite(date)) return;
  // The header has whole seconds; half of one is the middle of what it can mean.
  clockSkewMs.value = date + 500 - (sentAt + Date.now()) / 2;
}

/** Makes the call and hands out the answer, whatever its status; throws ApiError when there is none. */
export async function rawCall(method: string, path: string, options: CallOptions = {}, requestId = newRequestId()): Promise<Response> {
  const sentAt = Date.now();
  try {
    const answer = await fetch(addressOf(path, options.query), {
      method,
      headers: requestHeaders(options, requestId),
      body: options.text ?? (options.body === undefined ? undefined : JSON.stringify(options.body)),
      credentials: credentials.kind === "bearer" ? "omit" : "same-origin",
      cache: "no-store",
      redirect: "error",
      signal: options.signal,
    });
    noteClock(answer, sentAt);
    return answer;
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError(0, "unreachable", "", requestId);
  }
}

/** The call with the session renewed once when it was lost, or proved again when it asks for that; throws ApiError for everything that is not 2xx. */
export async function call(method: string, path: string, options: CallOptions = {}): Promise<Response> {
  const requestId = newRequestId();
  if (credentials.kind === "lost" && !(await credentials.back)) throw new ApiError(401, "session_ended", "", requestId);
  let answer = await rawCall(method, path, options, requestId);
  if (answer.status === 401 && onLost && credentials.kind !== "none" && !options.isProof) {
    losing ??= onLost().finally(() => (losing = null));
    if (await losing) answer = await rawCall(method, path, options, requestId);
  }
  if (await isProofNeeded(answer)) {
    proving ??= onProof!().finally(() => (proving = null));
    if (await proving) answer = await rawCall(method, path, options, requestId);
  }
  if (!answer.ok) throw await errorOf(answer, requestId);
  return answer;
}

async function json<T>(method: string, path: string, options?: CallOptions): Promise<T> {
  const text = await (await call(method, path, options)).text();
  return (text ? JSON.parse(text) : null) as T;
}

/** An answer with its text, for what must be shown as it was sent. */
export interface Raw<T> {
  value: T;
  text: string;
  /** The text of a member, such as raw("payload"); null when it is not there. */
  raw(...path: (string | number)[]): string | null;
}

async function rawJson<T>(method: string, path: string, options?: CallOptions): Promise<Raw<T>> {
  const text = await (await call(method, path, options)).text();
  return { value: JSON.parse(text) as T, text, raw: (...members) => memberText(text, members) };
}

export const api = {
  get: <T>(path: string, query?: Query, signal?: AbortSignal) => json<T>("GET", path, { query, signal }),
  raw: <T>(path: string, query?: Query, signal?: AbortSignal) => rawJson<T>("GET", path, { query, signal }),
  post: <T>(path: string, body?: unknown, options?: CallOptions) => json<T>("POST", path, { ...options, body }),
  postRaw: <T>(path: string, body?: unknown, options?: CallOptions) => rawJson<T>("POST", path, { ...options, body }),
  put: <T>(path: string, body: unknown) => json<T>("PUT", path, { body }),
  patch: <T>(path: string, body: unknown) => json<T>("PATCH", path, { body }),
  /** A body that is JSON already, so that its numbers stay as they were typed. */
  patchText: <T>(path: string, text: string) => json<T>("PATCH", path, { text }),
  del: <T = null>(path: string) => json<T>("DELETE", path),
};

/** A part of a path: names can hold anything. */
export const part = encodeURIComponent;
