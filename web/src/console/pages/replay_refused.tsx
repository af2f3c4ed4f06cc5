// SPDX-License-Identifier: Apache-2.0
// Sends on again what was refused: counted first.
import type { JSX } from "preact";
import { query } from "../../kit";
import { C } from "../../words/console_sources";
import type { Source } from "../types";
import { BulkDialog } from "./bulk";

export function ReplayRefused({ source, onClose, onDone }: { source: Source; onClose: () => void; onDone: () => void }): JSX.Element {
  const at = query.value;
  const filter = { sourceId: source.id, outcomes: ["rejected"], ...(at.get("reason") ? { reason: at.get("reason")! } : {}), ...(at.get("text") ? { text: at.get("text")! } : {}) };
  return <BulkDialog action="replay" title={C.request.replayTitle} text={C.request.replayNote} filter={filter} since={at.get("since") ?? "now-24h"} onClose={onClose} onDone={onDone} />;
}
