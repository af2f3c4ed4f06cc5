// SPDX-License-Identifier: Apache-2.0
// What differs between two JSON values, by JSON pointer.
import type { JSX } from "preact";
import { C } from "../../words/console_filters";
import type { Json } from "../types";

export interface Change {
  path: string;
  from?: Json;
  to?: Json;
}

function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const step = (key: string) => `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;

/** Objects are compared member by member, everything else as a whole. */
export function changesBetween(from: Json | undefined, to: Json | undefined, path = ""): Change[] {
  if (isObject(from) && isObject(to)) {
    const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])];
    return keys.flatMap((key) => changesBetween(from[key], to[key], path + step(key)));
  }
  return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ path, from, to }];
}

export function Diff({ changes }: { changes: readonly Change[] }): JSX.Element {
  return (
    <div class="diff">
      {changes.map((one) => (
        <>
          <div class="at"><span /><bdi>{one.path || "/"}</bdi></div>
          {one.from !== undefined && <div class="del"><bdi>{JSON.stringify(one.from)}</bdi></div>}
          {one.to !== undefined && <div class="add"><bdi>{JSON.stringify(one.to)}</bdi></div>}
        </>
      ))}
    </div>
  );
}

export function DataDiff({ from, to }: { from: Json; to: Json }): JSX.Element {
  const changes = changesBetween(from, to);
  return changes.length ? <Diff changes={changes} /> : <span class="muted">{C.chain.nothingChanged}</span>;
}
