// SPDX-License-Identifier: Apache-2.0
// The server as it tells of itself.
export interface Lane {
  endpointId: string | null;
  waiting: number;
  moreInStore: boolean;
  attempts: number;
  window: number;
  failuresInRow: number;
  parkedUntil: string | null;
}

export interface Segment {
  from: string | null;
  until: string | null;
  bytes: number;
  messages: number;
  pending: number;
}

export interface Store {
  healthy: boolean;
  reason: string | null;
  bytes: number;
  freeBytes: number | null;
  freeMinBytes: number;
  bytesPerDay: number | null;
  daysLeft: number | null;
  segmentCount: number;
  segments: Segment[];
}

export interface Node {
  name: string;
  atWork: boolean;
  address: string | null;
  seenMs: number;
}

export interface Limit {
  name: string;
  unit: "bytes" | "count";
  used: number;
  max: number;
}

export interface Option {
  name: string;
  value: string;
  source: string;
  secret: boolean;
  reloadable: boolean;
}

export interface System {
  version: string;
  startedAt: string;
  uptimeSeconds: number;
  clock: { aheadMs: number };
  loops: { name: string; waitingMs: number }[];
  delivering: { lanes: number; parked: number; busiest: Lane[] };
  store: Store;
  nodes: Node[];
  limits: Limit[];
  options: Option[];
}
