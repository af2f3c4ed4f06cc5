// SPDX-License-Identifier: Apache-2.0
// JSON of people's own, kept as the text that it is: numbers of any size and the order of keys stay.
import { isJson, membersOf, spanAt, type Span } from "../kit/scan";

/** An object of members whose values are JSON texts; null: left out. */
export function objectOf(members: Record<string, string | null | undefined>): string {
  return `{${Object.entries(members).filter(([, text]) => text != null).map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(",")}}`;
}

/** What stands in a field as JSON: the text itself, or null where nothing was typed. */
export function jsonOr(text: string, absent: string | null): string | null {
  return text.trim() ? text.trim() : absent;
}

export interface Difference {
  path: string;
  from: string | null;
  to: string | null;
}

const SHOWN = 60, DEEPEST = 30;

interface Walk {
  found: Difference[];
  isWhole: boolean;
}

function isContainer(span: Span): boolean {
  return span.kind === "object" || span.kind === "array";
}

function pointer(key: string, at: number): string {
  return key ? String(JSON.parse(key)).replaceAll("~", "~0").replaceAll("/", "~1") : String(at);
}

function add(walk: Walk, path: string, from: string | null, to: string | null): void {
  if (walk.found.length < SHOWN) walk.found.push({ path, from, to });
  else walk.isWhole = false;
}

function walkBoth(walk: Walk, path: string, a: string, one: Span, b: string, two: Span, depth: number): void {
  const from = a.slice(one.start, one.end), to = b.slice(two.start, two.end);
  if (from === to) return;
  if (one.kind !== two.kind || !isContainer(one) || depth > DEEPEST) return add(walk, path || "/", from, to);
  const rest = new Map(membersOf(b, two).members.map((member, i) => [pointer(member.key, i), member]));
  membersOf(a, one).members.forEach((member, i) => {
    const name = pointer(member.key, i), other = rest.get(name);
    if (other) walkBoth(walk, `${path}/${name}`, a, member, b, other, depth + 1);
    else add(walk, `${path}/${name}`, a.slice(member.start, member.end), null);
    rest.delete(name);
  });
  for (const [name, member] of rest) add(walk, `${path}/${name}`, null, b.slice(member.start, member.end));
}

/** Where two texts differ; what is no JSON differs as a whole. */
export function differencesOf(a: string, b: string): Walk {
  const walk: Walk = { found: [], isWhole: true };
  if (isJson(a) && isJson(b)) walkBoth(walk, "", a, spanAt(a, 0), b, spanAt(b, 0), 0);
  else if (a !== b) add(walk, "/", a, b);
  return walk;
}

/** Headers as lines; a first line without a colon, such as "POST / HTTP/1.1", is passed over. */
export function headersOf(text: string): Record<string, string[]> {
  const headers: Record<string, string[]> = {};
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon > 0) (headers[line.slice(0, colon).trim()] ??= []).push(line.slice(colon + 1).trim());
  }
  return headers;
}
