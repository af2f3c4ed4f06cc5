// SPDX-License-Identifier: Apache-2.0
// JSON as text: finds where values begin and end without parsing them, so that numbers of any size, the order of keys
// and keys that come twice stay as they were sent. The text must be valid JSON; isJson() tells.

export type Kind = "object" | "array" | "string" | "number" | "literal";

/** Where a value stands: [start, end), and how many lines it would fill when every member had its own. */
export interface Span {
  kind: Kind;
  start: number;
  end: number;
  lines: number;
}

export interface Member extends Span {
  /** The key with its quotes; an empty text for elements of an array. */
  key: string;
}

const QUOTE = 34, BACKSLASH = 92, OPEN_OBJECT = 123, CLOSE_OBJECT = 125, OPEN_ARRAY = 91, CLOSE_ARRAY = 93, COMMA = 44;

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function skipSpace(text: string, at: number): number {
  while (at < text.length && text.charCodeAt(at) <= 32) at++;
  return at;
}

function skipString(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === BACKSLASH) i++;
    else if (c === QUOTE) return i + 1;
  }
  return text.length;
}

/** Iterative, since a stranger decides how deep it goes. */
function skipContainer(text: string, at: number): { end: number; lines: number } {
  let depth = 0, commas = 0, full = 0;
  for (let i = at; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) i = skipString(text, i) - 1;
    else if (c === COMMA) commas++;
    else if (c === OPEN_OBJECT || c === OPEN_ARRAY) {
      const next = text.charCodeAt(skipSpace(text, i + 1));
      if (next !== CLOSE_OBJECT && next !== CLOSE_ARRAY) full++;
      depth++;
    } else if (c === CLOSE_OBJECT || c === CLOSE_ARRAY) {
      if (--depth === 0) return { end: i + 1, lines: 1 + commas + 2 * full };
    }
  }
  return { end: text.length, lines: 1 };
}

/** The value that begins at or after a place. */
export function spanAt(text: string, at: number): Span {
  const start = skipSpace(text, at);
  const c = text.charCodeAt(start);
  if (c === OPEN_OBJECT || c === OPEN_ARRAY) {
    return { kind: c === OPEN_OBJECT ? "object" : "array", start, ...skipContainer(text, start) };
  }
  if (c === QUOTE) return { kind: "string", start, end: skipString(text, start), lines: 1 };
  let end = start;
  while (end < text.length && !",]} \t\r\n".includes(text[end]!)) end++;
  return { kind: c === 45 || (c >= 48 && c <= 57) ? "number" : "literal", start, end, lines: 1 };
}

/** The members of an object or array, in their order; at most `limit`, beginning at a place told by `from`. */
export function membersOf(text: string, span: Span, limit = Infinity, from = span.start + 1): { members: Member[]; next: number } {
  const members: Member[] = [];
  let at = skipSpace(text, from);
  while (at < span.end - 1 && members.length < limit) {
    let key = "";
    if (span.kind === "object") {
      const end = skipString(text, at);
      key = text.slice(at, end);
      at = skipSpace(text, end) + 1;
    }
    const value = spanAt(text, at);
    members.push({ key, ...value });
    at = skipSpace(text, value.end);
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1);
  }
  return { members, next: at };
}

/** The text of a member by its path; of keys that come twice the last one, as parsers have it. Null: not there. */
export function memberText(text: string, path: readonly (string | number)[]): string | null {
  let span = spanAt(text, 0);
  for (const step of path) {
    if (span.kind !== "object" && span.kind !== "array") return null;
    const { members } = membersOf(text, span);
    const found = typeof step === "number" ? members[step] : members.filter((one) => JSON.parse(one.key) === step).pop();
    if (!found) return null;
    span = found;
  }
  return text.slice(span.start, span.end);
}

/** The same text with every member on a line of its own. */
export function indented(text: string): string {
  const out: string[] = [];
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c <= 32) continue;
    if (c === QUOTE) {
      const end = skipString(text, i);
      out.push(text.slice(i, end));
      i = end - 1;
    } else if (c === OPEN_OBJECT || c === OPEN_ARRAY) {
      const next = skipSpace(text, i + 1);
      if (text.charCodeAt(next) === c + 2) {
        out.push(text[i]!, text[next]!);
        i = next;
      } else out.push(text[i]!, lineAt(++depth));
    } else if (c === CLOSE_OBJECT || c === CLOSE_ARRAY) out.push(lineAt(--depth), text[i]!);
    else if (c === COMMA) out.push(",", lineAt(depth));
    else out.push(c === 58 ? ": " : text[i]!);
  }
  return out.join("");
}

/** The indentation stops growing where nobody could follow it any more. */
function lineAt(depth: number): string {
  return `\n${"  ".repeat(Math.min(depth, 40))}`;
}
