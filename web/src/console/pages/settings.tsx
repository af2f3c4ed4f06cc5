// SPDX-License-Identifier: Apache-2.0
// How this browser shows things, and who is signed in.
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { areKeysOn, Button, Check, Facts, Field, now, Panel, Seg, Select, setKeysOn, setTheme, setZone, theme, Time, when, zone } from "../../kit";
import { C } from "../../words/console_admin";
import { session, signOut, who } from "../session";
import { usePage } from "../shell";
import { ViewsList } from "../views";
import { Account } from "./account";

function zones(): readonly (readonly [string, string])[] {
  const known = (Intl as unknown as { supportedValuesOf?: (key: string) => string[] }).supportedValuesOf?.("timeZone") ?? [];
  return [...C.settings.zones, ...known.map((name) => [name, name.replaceAll("_", " ")] as const)];
}

export function Settings(): JSX.Element {
  usePage(C.nav.settings);
  const options = useMemo(zones, []);
  const me = who.value;
  return (
    <div class="stack narrowpage">
      <div class="phead"><h1>{C.settings.title}<span class="h-sub">{C.settings.sub}</span></h1></div>
      <Panel title={C.settings.theme}><div class="body"><Seg label={C.settings.theme} value={theme.value} onChange={setTheme} options={C.settings.themes} /></div></Panel>
      <Panel title={C.settings.zone}><div class="body"><Field label={C.settings.zone} hint={C.settings.zoneHint(when(now.value))}><Select value={zone.value} options={options} onValue={setZone} /></Field></div></Panel>
      <Panel title={C.keys.title}><div class="body"><Check sw checked={areKeysOn.value} onValue={setKeysOn}>{C.settings.keys}</Check><p class="hint mt-2">{C.settings.keysHint}</p></div></Panel>
      <Panel title={C.views.title}><div class="body"><ViewsList /></div></Panel>
      {session.value?.isUser && <Account />}
      {me && (
        <Panel title={C.settings.session} actions={<Button small onClick={() => void signOut()}>{C.nav.signOut}</Button>}>
          <div class="body"><Facts rows={[
            [C.settings.signedInAs, <bdi>{me.name}</bdi>],
            [C.settings.readOnly, me.readOnly ? C.settings.readOnlyYes : C.settings.readOnlyNo],
            [C.settings.ends, me.expiresAt && <Time at={me.expiresAt} />],
            [C.settings.version, C.nav.version(me.version)],
          ]} /></div>
        </Panel>
      )}
    </div>
  );
}
