// SPDX-License-Identifier: Apache-2.0
// Proving again who one is: a call that changes who has access is refused when the session's last proof is too old. The
// page stays as it is under a dialog, and the call is made again.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { basePath, Button, call, Dialog, ErrorPanel, Field, Icon, Input, setProofHandler, useAct } from "../kit";
import { W } from "../words/en";
import { C } from "../words/console";
import { session, takeNewSession } from "./session";

export const isProving = signal(false);
let onDone: ((isProved: boolean) => void) | null = null;

function finish(isProved: boolean): void {
  isProving.value = false;
  onDone?.(isProved);
  onDone = null;
}

export function startProofs(): void {
  setProofHandler(() => {
    isProving.value = true;
    return new Promise((resolve) => (onDone = resolve));
  });
}

/** A token as it is, or the code of a link that somebody copied. */
function proofOf(text: string): Record<string, string> {
  const code = /(?:#login=|^)(gc_\w+)$/.exec(text.trim())?.[1];
  return code ? { code } : { token: text.trim() };
}

/** Somebody signed in again in another tab: the session is another, and proved. */
async function lookForNew(): Promise<void> {
  if (await takeNewSession()) finish(true);
}

function SignInElsewhere(): JSX.Element {
  useEffect(() => {
    const look = () => void lookForNew();
    addEventListener("focus", look);
    return () => removeEventListener("focus", look);
  }, []);
  return (
    <p>
      <a class="btn" href={`${basePath()}/console/api/oidc/start?next=${encodeURIComponent(`${basePath()}/console/`)}`} target="_blank" rel="noreferrer">{C.proof.again}<Icon name="ext" small /></a> {C.proof.againHint}
    </p>
  );
}

export function ProofDialog(): JSX.Element {
  const [text, setText] = useState("");
  const [code, setCode] = useState("");
  const { isBusy, error, run } = useAct();
  const { isUser, how } = session.value ?? {};
  const prove = () => void run(async () => {
    const body = isUser ? { password: text, ...(code.trim() ? { otp: code.trim() } : {}) } : proofOf(text);
    await call("POST", "/console/api/session/proof", { body, isProof: true });
  }).then((isDone) => isDone && finish(true));
  return (
    <Dialog title={C.proof.title} onClose={() => finish(false)} onSubmit={prove}
      footer={<><span class="grow" /><Button kind="quiet" onClick={() => finish(false)}>{W.dialog.cancel}</Button><Button kind="primary" type="submit" busy={isBusy} disabled={!text}>{C.proof.act}</Button></>}>
      <p>{C.proof.text}</p>
      {how === "oidc" && <SignInElsewhere />}
      {isUser ? (
        <>
          <Field label={C.proof.password}><Input type="password" value={text} onValue={setText} autocomplete="current-password" data-first="" /></Field>
          <Field label={C.proof.code} hint={C.proof.codeHint}><Input value={code} onValue={setCode} inputmode="numeric" autocomplete="one-time-code" maxLength={8} /></Field>
        </>
      ) : (
        <Field label={how === "token" ? C.proof.token : C.proof.owner} hint={how === "token" ? undefined : C.proof.ownerHint}>
          <Input type="password" mono value={text} onValue={setText} data-first="" />
        </Field>
      )}
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}
