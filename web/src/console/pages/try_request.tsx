// SPDX-License-Identifier: Apache-2.0
// Judges a request by hand, as if it had come in.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, Button, Dialog, ErrorPanel, Facts, Field, Status, TextArea, useAct } from "../../kit";
import { W } from "../../words/en";
import { C } from "../../words/console_sources";
import { metadataOf } from "../common";
import type { Explanation, Source } from "../types";
import { Steps } from "./request_panel";
import { sourcePath } from "./source_path";

export function TryRequest({ source, onClose }: { source: Source; onClose: () => void }): JSX.Element {
  const [headers, setHeaders] = useState("content-type: application/json\n");
  const [body, setBody] = useState("");
  const [explained, setExplained] = useState<Explanation | null>(null);
  const { isBusy, error, run } = useAct();
  const judge = () => void run(async () => setExplained(await api.post<Explanation>(`${sourcePath(source.id)}/explain`, { headers: metadataOf(headers), body })));
  return (
    <Dialog wide title={C.tryIt.title} onClose={onClose} onSubmit={judge} footer={<><Button kind="quiet" onClick={onClose}>{W.dialog.close}</Button><Button kind="primary" type="submit" busy={isBusy}>{C.tryIt.act}</Button></>}>
      <p>{C.tryIt.text}</p>
      <Field label={C.tryIt.headers} hint={C.tryIt.headersHint}><TextArea mono rows={4} value={headers} onValue={setHeaders} data-first="" /></Field>
      <Field label={C.tryIt.body}><TextArea mono rows={6} value={body} onValue={setBody} /></Field>
      {explained && (
        <div>
          <p class="mb"><Status is={explained.accepted ? "accepted" : "refused"}>{explained.accepted ? C.tryIt.accepted : C.tryIt.refused}</Status></p>
          <Steps explained={explained} />
          <Facts rows={[[C.tryIt.verdict, explained.verdict], [C.tryIt.answers, String(explained.replyStatus)], [C.request.type, explained.eventType]]} />
        </div>
      )}
      {error != null && <ErrorPanel error={error} />}
    </Dialog>
  );
}
