// SPDX-License-Identifier: Apache-2.0
// What the portal knows of the API: the shapes it reads, and the calls it makes.
import { api, type List, part } from "../kit/api";
import type { WaterPoint } from "../kit/chart";
import { session } from "./session";

export interface Endpoint {
  id: string;
  url: string;
  description: string;
  disabled: boolean;
  disabledReason?: "manual" | "failing" | "gone" | "unverified" | null;
  eventTypes?: string[] | null;
  channels?: string[] | null;
  throttleRate?: number | null;
  filter?: unknown;
  transform?: string | null;
  createdAt: string;
  updatedAt: string;
}

export interface Health {
  status: "healthy" | "failing" | "disabled";
  failingSince?: string | null;
  pendingCount: number;
  nextAttempt?: string | null;
}

/** Deliveries by state, of the events of a time. */
export interface Counts {
  success: number;
  pending: number;
  sending: number;
  fail: number;
  canceled: number;
}

export type State = "success" | "pending" | "sending" | "fail" | "canceled";

export interface Attempt {
  id: string;
  msgId: string;
  endpointId: string;
  response: string;
  responseStatusCode: number;
  responseDurationMs: number;
  status: number;
  statusText: State;
  statusReason?: string | null;
  triggerType: number;
  timestamp: string;
  nextAttempt?: string | null;
  attemptNumber?: number;
  error?: string | null;
  errorDetail?: string | null;
  responseHeaders?: string | null;
  requestHeaders?: string | null;
  msg?: Message | null;
}

export interface Message {
  id: string;
  eventType: string;
  eventId?: string | null;
  payload: unknown;
  channels?: string[] | null;
  tags?: string[] | null;
  timestamp: string;
}

/** Why one event came to one endpoint or did not, and what became of it there. */
export interface Explained {
  endpointId: string;
  url: string;
  description: string;
  deleted: boolean;
  then: { wanted: boolean; rule?: string | null; words: string } | null;
  now: { wanted: boolean; reasons: { rule: string; words: string }[] };
  delivery: {
    statusText: State;
    statusReason?: string | null;
    nextAttempt?: string | null;
    /** Oldest first, with the beginning of each answer. */
    attempts: Attempt[];
  } | null;
}

export interface EventType {
  name: string;
  description: string;
  groupName?: string | null;
  archived?: boolean;
  deprecated?: boolean;
  schemas?: Record<string, Schema> | null;
}

export interface Schema {
  examples?: unknown[];
  [keyword: string]: unknown;
}

/** Something that goes on in the background, such as sending again what failed. */
export interface Task {
  id: string;
  status: "running" | "finished" | "failed";
  data: { state?: string; done?: number };
}

export interface Headers {
  headers: Record<string, string>;
  sensitive: string[];
}

export interface Transformation {
  code?: string | null;
  enabled: boolean;
}

const app = (): string => `/api/v1/app/${part(session.value!.appId)}`;
const at = (id: string): string => `${app()}/endpoint/${part(id)}`;
/** Where the API has an endpoint. */
export const endpointPath = at;
const DAY_MS = 86_400_000;
const LISTED = 100, EXPLAINED = 100;

/** More than this many endpoints are not shown at once; nobody has them. */
export const ENDPOINTS_SHOWN = 250;

export const endpoints = {
  list: (signal?: AbortSignal) => api.get<List<Endpoint>>(`${app()}/endpoint`, { limit: ENDPOINTS_SHOWN, order: "ascending" }, signal),
  get: (id: string, signal?: AbortSignal) => api.get<Endpoint>(at(id), undefined, signal),
  /** With its text, since a filter is shown as it was written. */
  raw: (id: string, signal?: AbortSignal) => api.raw<Endpoint>(at(id), undefined, signal),
  patchText: (id: string, text: string) => api.patchText<Endpoint>(at(id), text),
  create: (body: Partial<Endpoint>) => api.post<Endpoint>(`${app()}/endpoint`, body),
  patch: (id: string, body: Partial<Endpoint>) => api.patch<Endpoint>(at(id), body),
  enable: (id: string) => api.post<Endpoint>(`${at(id)}/enable`),
  delete: (id: string) => api.del(at(id)),
  health: (id: string, signal?: AbortSignal) => api.get<Health>(`${at(id)}/health`, undefined, signal),
  counts: (id: string, since: number, signal?: AbortSignal) => api.get<Counts>(`${at(id)}/stats`, { since: new Date(since).toISOString() }, signal),
  secret: async (id: string) => (await api.get<{ key: string }>(`${at(id)}/secret`)).key,
  rotate: (id: string, graceS: number) => api.post(`${at(id)}/secret/rotate`, { gracePeriodSeconds: graceS }),
  headers: (id: string, signal?: AbortSignal) => api.get<Headers>(`${at(id)}/headers`, undefined, signal),
  patchHeaders: (id: string, headers: Record<string, string | null>) => api.patch(`${at(id)}/headers`, { headers }),
  transformation: (id: string, signal?: AbortSignal) => api.get<Transformation>(`${at(id)}/transformation`, undefined, signal),
  patchTransformation: (id: string, body: Partial<Transformation>) => api.patch(`${at(id)}/transformation`, body),
  sendExample: (id: string, eventType: string) => api.post<Message>(`${at(id)}/send-example`, { eventType }),
  replayMissing: (id: string, since: number) => api.post<{ id: string }>(`${at(id)}/replay-missing`, { since: new Date(since).toISOString() }),
  recover: (id: string, since: number) => api.post<{ id: string }>(`${at(id)}/recover`, { since: new Date(since).toISOString() }),
};

export const attempts = {
  /** Without answers; `lastFailed` has one. */
  ofEndpoint: (id: string, query: { status?: number; iterator?: string | null }, signal?: AbortSignal) =>
    api.get<List<Attempt>>(`${app()}/attempt/endpoint/${part(id)}`, { limit: 50, with_msg: true, with_content: false, expanded_statuses: true, ...query }, signal),
  lastFailed: async (id: string, signal?: AbortSignal) =>
    (await api.get<List<Attempt>>(`${app()}/attempt/endpoint/${part(id)}`, { limit: 1, status: 2, expanded_statuses: true }, signal)).data[0] ?? null,
  ofMessage: (id: string, query: { endpoint_id?: string }, signal?: AbortSignal) =>
    api.get<List<Attempt>>(`${app()}/attempt/msg/${part(id)}`, { limit: 250, expanded_statuses: true, ...query }, signal),
  one: (message: string, id: string, signal?: AbortSignal) => api.get<Attempt>(`${app()}/msg/${part(message)}/attempt/${part(id)}`, { expanded_statuses: true }, signal),
  resend: (message: string, endpoint: string) => api.post(`${app()}/msg/${part(message)}/endpoint/${part(endpoint)}/resend`),
};

export const messages = {
  list: (query: { iterator?: string | null; event_types?: string | null }, signal?: AbortSignal) =>
    api.get<List<Message>>(`${app()}/msg`, { limit: LISTED, with_content: false, ...query }, signal),
  /** With its text, since payloads are shown as they were sent. */
  get: (id: string, signal?: AbortSignal) => api.raw<Message>(`${app()}/msg/${part(id)}`, undefined, signal),
  explain: (id: string, signal?: AbortSignal) => api.get<List<Explained>>(`${app()}/msg/${part(id)}/explain`, { limit: EXPLAINED }, signal),
};

/** One event at one endpoint, as far as it has come. */
export interface Delivery {
  msgId: string;
  eventType: string;
  eventId?: string | null;
  timestamp: string;
  endpointId: string;
  url: string;
  statusText: State;
  attemptCount: number;
  nextAttempt?: string | null;
  lastAttempt?: { id: string; timestamp: string; responseStatusCode: number; responseDurationMs: number } | null;
}

export interface DeliveryList extends List<Delivery> {
  /** A page looks at a bounded number of rows: so far. */
  lookedTo?: string | null;
}

export const deliveries = {
  list: (asked: { state?: string | null; endpoint_id?: string | null; text?: string | null; iterator?: string | null; limit?: number }, signal?: AbortSignal) =>
    api.get<DeliveryList>(`${app()}/delivery`, { limit: LISTED, ...asked }, signal),
};

interface Series {
  measure: "delivered" | "attempts";
  /** Null: the server does not know. */
  total: number | null;
  values: (number | null)[];
}

interface Period {
  from: string;
  stepSeconds: number;
}

/** What arrived and what did not, step by step. */
export interface Course {
  stepMs: number;
  points: WaterPoint[];
  arrived: number;
  failed: number;
}

/** Tries that did not bring an event to its receiver are what lies below the line. */
function courseOf(period: Period, series: readonly Series[]): Course {
  const [delivered, tries] = ["delivered", "attempts"].map((name) => series.find((one) => one.measure === name));
  const stepMs = period.stepSeconds * 1000, from = Date.parse(period.from);
  const points = (delivered?.values ?? []).map((up, i) => {
    const all = tries?.values[i] ?? null;
    return { t: from + i * stepMs, up, down: up === null || all === null ? null : Math.max(0, all - up) };
  });
  const arrived = delivered?.total ?? 0;
  return { stepMs, points, arrived, failed: Math.max(0, (tries?.total ?? 0) - arrived) };
}

const MEASURES = "delivered,attempts", SHOWN_IN_LIST = 100;

export const courses = {
  /** The last 24 hours of an endpoint; null: of all that the customer has. */
  one: async (endpoint: string | null, signal?: AbortSignal) => {
    const of = endpoint === null ? `application:${session.value!.appId}` : `endpoint:${endpoint}`;
    const answer = await api.get<Period & { series: Series[] }>("/api/v1/series", { of, measure: MEASURES, from: "now-24h", step: "30m" }, signal);
    return courseOf(answer, answer.series);
  },
  /** The same of several, in steps that fit a row. */
  several: async (ids: readonly string[], signal?: AbortSignal) => {
    const answer = await api.get<Period & { data: { id: string; series: Series[] }[] }>("/api/v1/series/rows",
      { of: "endpoint", ids: ids.slice(0, SHOWN_IN_LIST).join(), measure: MEASURES, from: "now-24h", step: "1h" }, signal);
    return new Map(answer.data.map((one) => [one.id, courseOf(answer, one.series)]));
  },
};

export const tasks = {
  get: (id: string) => api.get<Task>(`/api/v1/background-task/${part(id)}`),
  cancel: (id: string) => api.post<Task>(`/api/v1/background-task/${part(id)}/cancel`),
  rate: (id: string, perSecond: number) => api.post<Task>(`/api/v1/background-task/${part(id)}/rate`, { rate: perSecond }),
};

/** Where a service's webhooks come in. */
export interface Source {
  id: string;
  name: string;
  type: string;
  ingestUrl?: string | null;
  state: "active" | "paused" | "pending" | "broken";
}

export interface Received {
  id: string;
  timestamp: string;
  outcome: "accepted" | "rejected" | "duplicate" | "ignored";
  reason?: string | null;
  status: number;
  eventType?: string | null;
  headers?: [string, string][];
  body?: string | null;
  bodyBase64?: string | null;
}

const source = (id: string): string => `/ingest/api/v1/source/${part(id)}`;

export const sources = {
  get: (id: string, signal?: AbortSignal) => api.get<Source>(source(id), undefined, signal),
  requests: (id: string, iterator: string | null, signal?: AbortSignal) => api.get<List<Received>>(`${source(id)}/request`, { limit: 50, order: "descending", iterator }, signal),
  request: (id: string, request: string, signal?: AbortSignal) => api.get<Received>(`${source(id)}/request/${part(request)}`, undefined, signal),
  replay: (id: string, request: string) => api.post(`${source(id)}/request/${part(request)}/replay`),
  endpoints: (id: string, signal?: AbortSignal) => api.get<List<Endpoint>>(`${source(id)}/endpoint`, { limit: ENDPOINTS_SHOWN }, signal),
  addEndpoint: (id: string, url: string) => api.post<Endpoint>(`${source(id)}/endpoint`, { url }),
};

export const transforms = {
  test: (code: string, request: { body: unknown; eventType: string }) =>
    api.postRaw<{ canceled: boolean; body: unknown }>("/api/v1/transform/test", { transform: code, request }),
};

/** All event types, with their schemas; kept, as several pages ask for them. */
let types: Promise<EventType[]> | null = null;

async function loadTypes(): Promise<EventType[]> {
  const all: EventType[] = [];
  let iterator: string | null | undefined;
  do {
    const page: List<EventType> = await api.get<List<EventType>>("/api/v1/event-type", { limit: ENDPOINTS_SHOWN, with_content: true, iterator });
    all.push(...page.data);
    iterator = page.done ? null : page.iterator;
  } while (iterator);
  return all.filter((type) => !type.archived);
}

export function eventTypes(): Promise<EventType[]> {
  types ??= loadTypes().catch((error: unknown) => {
    types = null;
    throw error;
  });
  return types;
}

/** What was known of a session that ended is forgotten. */
export function forgetTypes(): void {
  types = null;
}

export function aDayAgo(): number {
  return Date.now() - DAY_MS;
}

/** A name for people: the description, else the host and path. */
export function nameOf(endpoint: Endpoint): string {
  return endpoint.description || endpoint.url.replace(/^https?:\/\//, "");
}

/** The example of an event type as text, when it has one. */
export function exampleOf(type: EventType): unknown {
  return latestSchema(type)?.schema.examples?.[0];
}

/** The schema of the highest version, when there is one. */
export function latestSchema(type: EventType): { version: string; schema: Schema } | null {
  const versions = Object.keys(type.schemas ?? {}).sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
  const version = versions[versions.length - 1];
  return version === undefined ? null : { version, schema: type.schemas![version]! };
}
