// SPDX-License-Identifier: Apache-2.0
// The form that adds an endpoint: the first of three steps; the others are on the page of the endpoint it makes.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Button, endpoints, ErrorPanel, eventTypes, IconButton, navigate, query, useAct, useLoad } from "./common";
import { bodyOf, draftOf, EndpointFields, mistakesFrom, mistakesOf } from "./fields";
import { M } from "./words-more";

export function NewEndpoint({ onClose }: { onClose: () => void }): JSX.Element {
  const types = useLoad("types", eventTypes);
  const [draft, setDraft] = useState(draftOf(undefined, query.value.get("type")));
  const [isTried, setTried] = useState(false);
  const { isBusy, error, run } = useAct();
  const own = mistakesOf(draft), theirs = mistakesFrom(error);
  const mistakes = isTried ? { ...theirs, ...own } : {};
  const create = async (): Promise<void> => {
    setTried(true);
    if (Object.keys(own).length) return;
    await run(async () => {
      const made = await endpoints.create(bodyOf(draft));
      navigate(`/endpoints/${made.id}/created`, { replace: true });
    });
  };
  return (
    <section class="panel create" aria-labelledby="new-endpoint">
      <form noValidate onSubmit={(event) => { event.preventDefault(); void create(); }}>
        <header>
          <h2 id="new-endpoint" class="grow">{M.form.title}</h2>
          <span class="muted">{M.form.step}</span>
          <IconButton small name="x" label={M.form.close} onClick={onClose} />
        </header>
        <div class="body">
          <EndpointFields draft={draft} onChange={(next) => setDraft(next)} types={types.data ?? []} mistakes={mistakes} />
          {error != null && !Object.keys(theirs).length && <ErrorPanel error={error} />}
        </div>
        <footer class="cfoot">
          <Button kind="quiet" onClick={onClose}>{M.form.cancel}</Button>
          <Button kind="primary" type="submit" busy={isBusy}>{M.form.create}</Button>
        </footer>
      </form>
    </section>
  );
}
