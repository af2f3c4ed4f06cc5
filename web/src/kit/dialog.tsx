// SPDX-License-Identifier: Apache-2.0
// Dialogs are the browser's own: it keeps the focus inside, closes on Escape and gives the focus back.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { W } from "../words/en";
import { useAct } from "./load";
import { Button, ErrorPanel, Field, Input } from "./ui";

interface DialogProps {
  title: ComponentChildren;
  children: ComponentChildren;
  footer?: ComponentChildren;
  onClose: () => void;
  wide?: boolean;
  /** Enter in a field does this. */
  onSubmit?: () => void;
  /** Cannot be left by Escape. */
  isModal?: boolean;
}

/** Open as long as it is drawn. */
export function Dialog({ title, children, footer, onClose, wide, onSubmit, isModal }: DialogProps): JSX.Element {
  const box = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const dialog = box.current!;
    const opener = document.activeElement as HTMLElement | null;
    dialog.showModal();
    dialog.querySelector<HTMLElement>("[data-first]")?.focus();
    return () => {
      dialog.close();
      if (opener?.isConnected) opener.focus();
    };
  }, []);
  useEffect(() => {
    const dialog = box.current!;
    const cancel = (event: Event) => {
      event.preventDefault();
      if (!isModal) onClose();
    };
    dialog.addEventListener("cancel", cancel);
    return () => dialog.removeEventListener("cancel", cancel);
  }, [onClose, isModal]);
  const inside = (
    <>
      <header><h2 id={id}>{title}</h2></header>
      <div class="body">{children}</div>
      {footer && <footer>{footer}</footer>}
    </>
  );
  return (
    <dialog ref={box} class={`dialog${wide ? " wide" : ""}`} aria-labelledby={id} onClick={(event) => !isModal && event.target === box.current && onClose()}>
      {onSubmit ? <form noValidate onSubmit={(event) => { event.preventDefault(); onSubmit(); }}>{inside}</form> : inside}
    </dialog>
  );
}

interface ConfirmProps {
  title: ComponentChildren;
  children: ComponentChildren;
  /** What the button says: the deed, not "Confirm". */
  act: string;
  /** Must be typed when the deed cannot be undone. */
  typed?: string;
  danger?: boolean;
  hint?: ComponentChildren;
  onConfirm: () => Promise<void>;
  onClose: () => void;
}

/** Asks before something that matters; the focus begins on the choice, not on the deed. */
export function Confirm({ title, children, act, typed, danger, hint, onConfirm, onClose }: ConfirmProps): JSX.Element {
  const [text, setText] = useState("");
  const { isBusy, error, run } = useAct();
  const isReady = typed === undefined || text === typed;
  const go = async () => {
    if (isReady && (await run(onConfirm))) onClose();
  };
  return (
    <Dialog
      title={title}
      onClose={onClose}
      onSubmit={go}
      footer={
        <>
          <span class="grow hint">{hint}</span>
          <Button kind="quiet" data-first={typed === undefined ? "" : undefined} onClick={onClose}>{W.dialog.cancel}</Button>
          <Button kind={danger ? "solid" : "primary"} type="submit" busy={isBusy} disabled={!isReady}>{act}</Button>
        </>
      }
    >
      {children}
      {typed !== undefined && (
        <Field label={W.dialog.typeName(typed)}>
          <Input value={text} onValue={setText} data-first="" />
        </Field>
      )}
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}
