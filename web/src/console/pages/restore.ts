// SPDX-License-Identifier: Apache-2.0
// What an endpoint's rules were before a change that stands in the audit log: its form can begin with them.
import { api, isJson, part } from "../../kit";
import { pretty } from "../../kit/json";

interface Changed {
  member: string;
  from?: unknown;
}

interface ChangedRow {
  id: string;
  timestamp: string;
  action: string;
  object: { kind: string; id: string | null } | null;
  applicationId: string | null;
  about: string | null;
  who: { name: string | null };
  changes: Changed[];
}

/** The fields of the form that take what a rule was. */
export interface Rules {
  types?: string;
  channels?: string;
  filter?: string;
  transform?: string;
}

export interface Restored {
  rules: Rules;
  at: string;
  who: string;
}

const CUT = "…";

/** Of a long value the log keeps a part, which cannot be put back. */
const IS_WHOLE: Record<string, (from: unknown) => boolean> = {
  eventTypes: (from) => !from || Array.isArray(from),
  channels: (from) => !from || Array.isArray(from),
  filter: (from) => !from || (typeof from === "string" && isJson(from)),
  transform: (from) => !from || (typeof from === "string" && !from.startsWith(CUT) && !from.endsWith(CUT)),
};

function rulesIn(row: ChangedRow): Changed[] {
  return row.changes.filter((one) => "from" in one && IS_WHOLE[one.member]?.(one.from));
}

/** Where what was before the change is tried; null: it changed no rule of an endpoint, or too long a one. */
export function restoreTo(row: ChangedRow): string | null {
  const isOne = row.action === "changed" && row.object?.kind === "endpoint" && row.object.id && row.applicationId && !row.about?.startsWith("src_");
  return isOne && rulesIn(row).length ? `/apps/${part(row.applicationId!)}/endpoints/${part(row.object!.id!)}/changes?restore=${part(row.id)}` : null;
}

/** The rules as they were before that row, as texts of the form. The log has a filter as its text, so its numbers keep their digits. */
export async function restored(row: string, endpoint: string, signal: AbortSignal): Promise<Restored> {
  const value = await api.get<ChangedRow>(`/api/v1/audit/${part(row)}`, undefined, signal), rules: Rules = {};
  for (const one of value.object?.id === endpoint ? rulesIn(value) : []) {
    const list = Array.isArray(one.from) ? one.from.join(", ") : "";
    if (one.member === "eventTypes") rules.types = list;
    else if (one.member === "channels") rules.channels = list;
    else if (one.member === "transform") rules.transform = (one.from as string | null) ?? "";
    else rules.filter = one.from ? pretty(one.from as string) : "";
  }
  return { rules, at: value.timestamp, who: value.who.name ?? "" };
}
