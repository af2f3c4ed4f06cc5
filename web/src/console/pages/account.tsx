// SPDX-License-Identifier: Apache-2.0
// One's own account: password and second factor. Each change asks for the present password.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Dialog, ErrorPanel, Facts, Field, Input, Panel, toast, useAct, useLoad } from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_people";
import { Shown } from "../common";
import type { User } from "./access_users";
import { ConfirmFactor, type Factor } from "./second_factor";

const ACCOUNT = "/api/v1/account";

function ChangePassword({ onClose }: { onClose: () => void }): JSX.Element {
  const [password, setPassword] = useState("");
  const [newPassword, setNew] = useState("");
  const { isBusy, error, run } = useAct();
  const change = () => void run(async () => {
    await api.post(`${ACCOUNT}/password`, { password, newPassword });
    toast.say(C.account.changed);
  }).then((isDone) => isDone && onClose());
  return (
    <Dialog title={C.account.change} onClose={onClose} onSubmit={change}
      footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!password || !newPassword}>{C.account.change}</Button></>}>
      <Field label={C.account.present}><Input type="password" value={password} onValue={setPassword} autocomplete="current-password" data-first="" /></Field>
      <Field label={C.users.newPassword} hint={C.users.passwordHint}><Input type="password" value={newPassword} onValue={setNew} autocomplete="new-password" /></Field>
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

/** Asks for the present password, and for the present code where there is one, before what changes the second factor. */
function ProveOneself({ user, title, act, onProved, onClose }: { user: User; title: string; act: string; onProved: (proof: object) => Promise<void>; onClose: () => void }): JSX.Element {
  const [password, setPassword] = useState("");
  const [otp, setOtp] = useState("");
  const { isBusy, error, run } = useAct();
  const go = () => void run(() => onProved({ password, ...(otp.trim() ? { otp: otp.trim() } : {}) }));
  return (
    <Dialog title={title} onClose={onClose} onSubmit={go}
      footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!password || (user.hasSecondFactor && !otp)}>{act}</Button></>}>
      <Field label={C.account.present}><Input type="password" value={password} onValue={setPassword} autocomplete="current-password" data-first="" /></Field>
      {user.hasSecondFactor && <Field label={C.account.presentCode}><Input value={otp} onValue={setOtp} inputmode="numeric" autocomplete="one-time-code" maxLength={8} /></Field>}
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}

type Open = "password" | "begin" | "remove" | Factor;

export function Account(): JSX.Element {
  const loaded = useLoad("account", (signal) => api.get<User>(ACCOUNT, undefined, signal));
  const [open, setOpen] = useState<Open | null>(null);
  const path = `${ACCOUNT}/second-factor`;
  const close = () => setOpen(null);
  const begin = async (proof: object) => setOpen(await api.post<Factor>(path, proof));
  const remove = async (proof: object) => {
    await api.post(`${path}/remove`, proof);
    toast.say(C.users.factorRemoved);
    close();
    loaded.reload();
  };
  return (
    <Panel title={C.account.title} actions={loaded.data && <Button small onClick={() => setOpen("password")}>{C.account.change}</Button>}>
      <div class="body">
        <Shown loaded={loaded}>{(user) => (
          <>
            <Facts rows={[
              [C.access.name, <bdi>{user.name}</bdi>],
              [C.access.role, user.consoleRole],
              [C.users.factor, (
                <span class="row wrap"><span class="grow">{user.hasSecondFactor ? C.users.factorOn : C.users.factorOff}</span>
                  <Button small onClick={() => setOpen("begin")}>{user.hasSecondFactor ? C.users.factorReplace : C.users.factorAdd}</Button>
                  {user.hasSecondFactor && <Button small onClick={() => setOpen("remove")}>{C.users.factorRemove}</Button>}
                </span>
              )],
            ]} />
            {open === "password" && <ChangePassword onClose={close} />}
            {open === "begin" && <ProveOneself user={user} title={C.users.factorTitle} act={C.users.factorAdd} onProved={begin} onClose={close} />}
            {open === "remove" && <ProveOneself user={user} title={C.users.factor} act={C.users.factorRemove} onProved={remove} onClose={close} />}
            {open && typeof open === "object" && <ConfirmFactor path={path} factor={open} onClose={close} onDone={loaded.reload} />}
          </>
        )}</Shown>
      </div>
    </Panel>
  );
}
