// SPDX-License-Identifier: Apache-2.0
// What the API answers, as far as the console reads it; the reference is docs/reference/api.md.

import type { FilterExplanation } from "../play/conditions";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Metadata = Record<string, string>;

export interface Application {
  id: string;
  name: string;
  uid: string | null;
  metadata: Metadata;
  throttleRate: number | null;
  createdAt: string;
  updatedAt: string;
}

export interface Endpoint {
  id: string;
  url: string;
  description: string;
  uid: string | null;
  disabled: boolean;
  disabledReason: string | null;
  scheme: string | null;
  channels: string[] | null;
  eventTypes: string[] | null;
  filter: Json;
  /** The filter as it was sent, where the endpoint was read by itself. */
  filterText?: string | null;
  transform: string | null;
  timeoutMs: number | null;
  retrySchedule: number[] | null;
  retryExceptStatuses: number[] | null;
  ordered: boolean | null;
  encoding: string | null;
  metadata: Metadata;
  throttleRate: number | null;
  handshake?: { kind: string; verified: boolean } | null;
  createdAt: string;
  updatedAt: string;
}

export interface Health {
  status: "healthy" | "failing" | "disabled";
  disabledReason: string | null;
  failingSince: string | null;
  pendingCount: number;
  oldestPendingAt: string | null;
  nextAttempt: string | null;
  blockedBy: string | null;
  throttledUntil: string | null;
  queuedCount: number;
  inFlightCount: number;
  window: number;
  failuresInRow: number;
  parkedUntil: string | null;
}

export interface Stats {
  success: number;
  pending: number;
  sending: number;
  fail: number;
  canceled: number;
}

export interface Headers {
  headers: Record<string, string>;
  sensitive: string[];
}

export interface Message {
  id: string;
  eventType: string;
  eventId: string | null;
  payload: Json;
  channels: string[] | null;
  tags: string[] | null;
  deliverAt: string | null;
  timestamp: string;
}

interface Delivery {
  /** 0 success, 1 pending, 2 given up, 3 to be retried, 4 canceled */
  status: number;
  statusText: string;
  statusReason: string | null;
  nextAttempt: string | null;
  blockedBy: string | null;
  throttledUntil: string | null;
}

/** A message as one of its endpoints has it. */
export type EndpointMessage = Message & Delivery;

/** An endpoint as one of its messages has it. */
export type MessageEndpoint = Endpoint & Delivery;

export interface Attempt {
  id: string;
  msgId: string;
  endpointId: string;
  url: string;
  response: string;
  responseStatusCode: number;
  responseDurationMs: number;
  status: number;
  statusText: string;
  statusReason: string | null;
  triggerType: number;
  timestamp: string;
  nextAttempt: string | null;
  attemptNumber: number;
  error: string | null;
  errorDetail: string | null;
  responseHeaders?: string | null;
  requestHeaders?: string | null;
  msg?: Message | null;
}

export interface EventType {
  name: string;
  description: string;
  archived: boolean;
  deprecated: boolean;
  schemas: Record<string, Json> | null;
  featureFlags: string[] | null;
  groupName: string | null;
  createdAt: string;
  updatedAt: string;
}

export interface Source {
  id: string;
  name: string;
  uid: string | null;
  type: string;
  ingestUrl: string | null;
  state: string;
  paused: boolean;
  secretCount: number;
  settings: Json;
  scheme: string | null;
  metadata: Metadata;
  createdAt: string;
  updatedAt: string;
}

export interface SourceRequest {
  id: string;
  timestamp: string;
  outcome: "accepted" | "rejected" | "duplicate" | "ignored";
  reason: string | null;
  status: number;
  method: string | null;
  url: string | null;
  peer: string | null;
  headers: [string, string][] | null;
  eventType: string | null;
  dedupeId: string | null;
  bodyBytes: number;
  original: string | null;
  eventCount: number | null;
  messages: string[] | null;
  body: string | null;
  bodyBase64: string | null;
  deliveries?: Json;
}

export interface Explanation {
  verdict: string;
  accepted: boolean;
  replyStatus: number;
  id: string | null;
  idSigned: boolean;
  type: string | null;
  typeSigned: boolean;
  eventType: string | null;
  eventCount: number;
  explanation: string;
  destinations: { application?: string; source?: boolean; wanted?: boolean; reason?: string; [key: string]: Json | undefined }[];
}

export interface Webfilter {
  id: string;
  event: string;
  url: string;
  description: string;
  enabled: boolean;
  order: number;
  disableFiltering: boolean;
  disableHalt: boolean;
  haltOn4xx: boolean;
  redirectOn4xx: string;
  haltOn5xx: boolean;
  redirectOn5xx: string;
  haltOnRequestException: boolean;
  redirectOnRequestException: string;
  failClosed: boolean;
  encoding: string;
  mode: string;
  timeoutMs: number;
  breakerFailures: number;
  breakerMs: number;
  cacheSeconds: number;
  createdAt: string;
  updatedAt: string;
}

export interface FilterChain {
  event: string;
  deadlineMs: number;
  keep: string;
  redact: string[];
  url: string | null;
}

export interface FilterPart {
  id: string;
  mode: string;
  effect: string;
  status: number | null;
  error: string | null;
  cached: boolean;
  startedMs: number;
  tookMs: number;
}

export interface FilterRun {
  id: string;
  event: string;
  startedAt: string;
  tookMs: number;
  hasData: boolean;
  redacted: boolean;
  summary: { halt: boolean; reason?: string | null; redirect?: string | null; status?: number | null; filters: FilterPart[]; [key: string]: unknown };
  detail: Json;
}

export interface Task {
  id: string;
  status: string;
  task: string;
  updatedAt: string;
  data: { [key: string]: Json };
}

/** Why a message goes to an endpoint or does not, then and now. */
export interface ExplainedEndpoint {
  endpointId: string;
  endpointUid: string | null;
  url: string;
  description: string;
  deleted: boolean;
  createdAt: string;
  changedSince: string | null;
  then: { wanted: boolean; rule: string | null; words: string; exact: boolean } | null;
  now: {
    wanted: boolean;
    reasons: { rule: string; words: string }[];
    filter: FilterExplanation | null;
    transform: { ran: boolean; canceled: boolean; body: Json; headers: Record<string, string>; error: string | null } | null;
    outcome: "send" | "wait" | "cancel" | "fail" | "nothing";
    words: string;
    until: string | null;
  };
  schedule: { delaysMs: number[]; own: boolean };
  delivery: ExplainedDelivery | null;
}

export interface ExplainedDelivery {
  status: number;
  statusText: string;
  statusReason: string | null;
  attemptCount: number;
  attempts: ExplainedAttempt[];
  nextAttempt: string | null;
  waitsFor: { for: string; until: string | null; blockedBy: string | null; words: string }[];
}

export interface ExplainedAttempt {
  id: string;
  attemptNumber: number;
  timestamp: string;
  success: boolean;
  triggerType: number;
  url: string;
  responseStatusCode: number;
  responseDurationMs: number;
  error: string | null;
  errorDetail: string | null;
  response: string | null;
  nextAttempt: string | null;
}

export interface MessageExplanation {
  msgId: string | null;
  eventType: string;
  timestamp: string | null;
  payloadGone: boolean;
  refused: { status: number; code: string; detail: string } | null;
  endpointCount: number;
  wantedThenCount: number | null;
  wantedNowCount: number | null;
  data: ExplainedEndpoint[];
  iterator: string | null;
  done: boolean;
}
