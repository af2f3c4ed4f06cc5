// SPDX-License-Identifier: Apache-2.0
// What a reader may choose for this browser: the time zone, and keys. Where a frame has no storage it holds until the
// page is left.
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { Dialog } from "../kit/dialog";
import { areKeysOn, setKeysOn } from "../kit/keys";
import { Button, Check, Facts, Field, isHidden, now, Select, session, setZone, when, zone } from "./common";
import { M } from "./words-more";

function zones(): readonly (readonly [string, string])[] {
  const known = (Intl as unknown as { supportedValuesOf?: (key: string) => string[] }).supportedValuesOf?.("timeZone") ?? [];
  return [...M.preferences.zones, ...known.map((name) => [name, name.replaceAll("_", " ")] as const)];
}

export function Preferences({ onClose }: { onClose: () => void }): JSX.Element {
  const options = useMemo(zones, []);
  const words = M.preferences;
  const kbd = (keys: string): JSX.Element => <span class="row gap-1">{keys.split(" ").map((one) => <kbd class="kbd">{one}</kbd>)}</span>;
  const rows = words.keys.filter(([keys]) => !session.value?.sourceId || !keys.startsWith("g ")).filter(([keys]) => keys !== "g t" || !isHidden("catalogue"));
  return (
    <Dialog title={words.title} onClose={onClose} footer={<Button data-first="" onClick={onClose}>{words.close}</Button>}>
      <Field label={words.zone} hint={words.zoneHint(when(now.value))}><Select value={zone.value} options={options} onValue={setZone} /></Field>
      <Check sw checked={areKeysOn.value} onValue={setKeysOn}>{words.areOn}</Check>
      <Facts rows={rows.map(([keys, what]) => [kbd(keys), what] as const)} />
    </Dialog>
  );
}
