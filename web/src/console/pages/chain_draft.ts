// SPDX-License-Identifier: Apache-2.0
// A chain as it is being edited: nothing reaches the server before it is saved as a whole.
import { api, part } from "../../kit";
import { appPath } from "../common";
import type { Json, Webfilter } from "../types";

/** What of a filter can be edited. */
export const MEMBERS = [
  "url", "description", "enabled", "disableFiltering", "disableHalt", "haltOn4xx", "redirectOn4xx", "haltOn5xx", "redirectOn5xx", "haltOnRequestException",
  "redirectOnRequestException", "failClosed", "encoding", "mode", "timeoutMs", "breakerFailures", "breakerMs", "cacheSeconds",
] as const;

export type Member = (typeof MEMBERS)[number];

export interface DraftFilter extends Webfilter {
  isNew?: boolean;
  isGone?: boolean;
}

export function newFilter(event: string, n: number): DraftFilter {
  return {
    id: `new-${n}`, isNew: true, event, url: "", description: "", enabled: true, order: n, disableFiltering: false, disableHalt: false, haltOn4xx: false, redirectOn4xx: "", haltOn5xx: false,
    redirectOn5xx: "", haltOnRequestException: false, redirectOnRequestException: "", failClosed: false, encoding: "json", mode: "chained", timeoutMs: 5000, breakerFailures: 5, breakerMs: 30000,
    cacheSeconds: 0, createdAt: "", updatedAt: "",
  };
}

export interface Change {
  filter: DraftFilter;
  /** Members that differ; an empty list for one that is new or gone. */
  members: Member[];
  isMoved: boolean;
}

/** What saving would change. A filter is moved when the order of the saved ones is another. */
export function changesOf(draft: readonly DraftFilter[], saved: readonly Webfilter[]): Change[] {
  const stays = draft.filter((one) => !one.isNew && !one.isGone).map((one) => one.id);
  const were = saved.map((one) => one.id).filter((id) => stays.includes(id));
  return draft.flatMap((filter) => {
    const before = saved.find((one) => one.id === filter.id);
    const members = before ? MEMBERS.filter((name) => (filter[name] ?? "") !== (before[name] ?? "")) : [];
    const isMoved = !!before && stays.indexOf(filter.id) !== were.indexOf(filter.id);
    return filter.isNew || filter.isGone || members.length || isMoved ? [{ filter, members, isMoved }] : [];
  });
}

function bodyOf(filter: DraftFilter, members: readonly Member[], order: number): Record<string, Json> {
  const body: Record<string, Json> = { order };
  for (const name of members) body[name] = filter[name] as Json;
  return body;
}

/** Filters as a trial wants them. */
export function trialOf(draft: readonly DraftFilter[]): Record<string, Json>[] {
  return draft.filter((one) => !one.isGone).map((one, i) => ({ ...bodyOf(one, MEMBERS, i + 1), event: one.event, ...(one.isNew ? {} : { id: one.id }) }));
}

/** Saves the chain. What is taken out goes first and what is new comes last, so that a failure in between leaves a
    chain that still answers. */
export async function saveChain(app: string, draft: readonly DraftFilter[], saved: readonly Webfilter[]): Promise<void> {
  const path = `${appPath(app)}/filter`;
  for (const one of draft.filter((filter) => filter.isGone && !filter.isNew)) await api.del(`${path}/${part(one.id)}`);
  const stays = draft.filter((one) => !one.isGone);
  for (const [i, filter] of stays.entries()) {
    if (filter.isNew) continue;
    const before = saved.find((one) => one.id === filter.id);
    const members = before ? MEMBERS.filter((name) => (filter[name] ?? "") !== (before[name] ?? "")) : [];
    if (members.length || before?.order !== i + 1) await api.patch(`${path}/${part(filter.id)}`, bodyOf(filter, members, i + 1));
  }
  for (const [i, filter] of stays.entries()) {
    if (filter.isNew) await api.post(path, { ...bodyOf(filter, MEMBERS, i + 1), event: filter.event });
  }
}
