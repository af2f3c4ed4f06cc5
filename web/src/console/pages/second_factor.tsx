// SPDX-License-Identifier: Apache-2.0
// Adding a second factor: a secret for an authenticator, shown once, that counts when a code of it has come back.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Copy, Dialog, ErrorPanel, Field, Input, toast, useAct } from "../../kit";
import { QrCode } from "../../kit/qr";
import { W } from "../../words/en";
import { C } from "../../words/console_people";

export interface Factor {
  secret: string;
  url: string;
}

/** `path`: whose second factor it is; what was begun there is confirmed there. */
export function ConfirmFactor({ path, factor, onClose, onDone }: { path: string; factor: Factor; onClose: () => void; onDone: () => void }): JSX.Element {
  const [code, setCode] = useState("");
  const { isBusy, error, run } = useAct();
  const confirm = () => void run(async () => {
    await api.post(`${path}/confirm`, { code: code.trim() });
    toast.say(C.users.factorDone);
    onDone();
  }).then((isDone) => isDone && onClose());
  return (
    <Dialog title={C.users.factorTitle} onClose={onClose} onSubmit={confirm}
      footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={code.trim().length < 6}>{C.users.factorConfirm}</Button></>}>
      <p>{C.users.factorScan}</p>
      <QrCode text={factor.url} label={C.users.picture} />
      <div class="field"><span>{C.users.factorSecret}</span><span class="secret"><code class="is-shown">{factor.secret}</code><Copy text={factor.secret} /></span></div>
      <Field label={C.users.factorCode}><Input value={code} onValue={setCode} inputmode="numeric" autocomplete="one-time-code" maxLength={8} data-first="" /></Field>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}
