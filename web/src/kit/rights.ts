// SPDX-License-Identifier: Apache-2.0
// What the reader may do, so that pages do not offer what the server would refuse. The server decides; this only hides.
import { signal } from "@preact/signals";

/** change: anything at all; secrets: see keys and credentials; access: make and revoke tokens. */
export type Need = "change" | "secrets" | "access";

const rights = signal<ReadonlySet<Need>>(new Set<Need>(["change", "secrets", "access"]));

export function setRights(have: readonly Need[]): void {
  rights.value = new Set(have);
}

export function may(need: Need | undefined): boolean {
  return need === undefined || rights.value.has(need);
}
