// SPDX-License-Identifier: Apache-2.0
// Makes a link with which an application's owner opens the portal.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Check, Copy, Dialog, ErrorPanel, Field, part, Select, useAct } from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_delivery";
import type { Application } from "../types";

const CAPABILITIES = Object.keys(C.portal.cap);

export function PortalLink({ app, onClose }: { app: Application; onClose: () => void }): JSX.Element {
  const [isReadOnly, setReadOnly] = useState(false);
  const [allowed, setAllowed] = useState<ReadonlySet<string>>(new Set(CAPABILITIES));
  const [expiry, setExpiry] = useState<string>("86400");
  const [link, setLink] = useState<string | null>(null);
  const { isBusy, error, run } = useAct();
  const make = () => run(async () => {
    const body = { expiry: Number(expiry), ...(isReadOnly ? { readOnly: true } : { capabilities: [...allowed] }) };
    setLink((await api.post<{ url: string }>(`/api/v1/auth/app-portal-access/${part(app.id)}`, body)).url);
  });
  const toggle = (name: string, on: boolean) => setAllowed((was) => new Set(on ? [...was, name] : [...was].filter((one) => one !== name)));
  return (
    <Dialog title={C.portal.title} onClose={onClose} onSubmit={make}
      footer={<><span class="grow hint">{C.portal.hint}</span><Button kind="quiet" onClick={onClose}>{link ? W.dialog.close : W.dialog.cancel}</Button>{!link && <Button kind="primary" type="submit" busy={isBusy}>{C.portal.make}</Button>}</>}>
      <p>{C.portal.text}</p>
      {link ? (
        <div class="field"><span>{C.portal.link}</span><span class="secret"><code class="is-shown">{link}</code><Copy text={link} /></span></div>
      ) : (
        <>
          <Field label={C.portal.expiry}><Select value={expiry} options={C.portal.times} onValue={setExpiry} /></Field>
          <Check sw checked={isReadOnly} onValue={setReadOnly}>{C.portal.readOnly}</Check>
          {!isReadOnly && (
            <fieldset class="checks">
              <legend class="label">{C.portal.capabilities}</legend>
              {CAPABILITIES.map((name) => <Check checked={allowed.has(name)} onValue={(on) => toggle(name, on)}>{C.portal.cap[name]}</Check>)}
            </fieldset>
          )}
        </>
      )}
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}
