// SPDX-License-Identifier: Apache-2.0
// JSON as it was sent: numbers keep their digits, keys their order, also those that come twice. Only what is opened is
// looked at, so that 8 MB open as fast as 8 kB. What is not JSON is shown as text.
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { W } from "../words/en";
import { bytes, count } from "./format";
import { Icon } from "./icons";
import { download } from "./download";
import { indented, isJson, membersOf, spanAt, type Member, type Span } from "./scan";
import { Copy, Panel, Seg } from "./ui";

const MEMBERS_AT_ONCE = 100;
const LONG_STRING = 2000;
/** Opened at first: down to this depth, and only what has at most so many lines. */
const OPEN_DEPTH = 3;
const OPEN_LINES = 60;
const DEEPEST_INDENT = 24;

interface NodeProps {
  text: string;
  span: Span | Member;
  depth: number;
  line: number;
  isLast: boolean;
}

function Scalar({ text, span }: { text: string; span: Span }): JSX.Element {
  const [isWhole, setWhole] = useState(false);
  const value = text.slice(span.start, span.end);
  const cls = span.kind === "string" ? "tk-s" : span.kind === "number" ? "tk-n" : "tk-l";
  if (isWhole || value.length <= LONG_STRING) return <bdi class={cls}>{value}</bdi>;
  return (
    <>
      <bdi class={cls}>{value.slice(0, LONG_STRING)}…</bdi>{" "}
      <button type="button" class="linkish" onClick={() => setWhole(true)}>{W.json.whole(count(value.length - 2))}</button>
    </>
  );
}

function Indent({ depth }: { depth: number }): JSX.Element {
  return <span class="ind">{"  ".repeat(Math.min(depth, DEEPEST_INDENT))}</span>;
}

function Key({ span }: { span: Span | Member }): JSX.Element | null {
  const key = "key" in span ? span.key : "";
  return key ? <><bdi class="tk-k">{key}</bdi><span class="tk-p">: </span></> : null;
}

function Container({ text, span, depth, line, isLast }: NodeProps): JSX.Element {
  const [isOpen, setOpen] = useState(depth < OPEN_DEPTH && (depth === 0 || span.lines <= OPEN_LINES));
  const [pages, setPages] = useState(1);
  const first = useMemo(() => (isOpen ? membersOf(text, span, MEMBERS_AT_ONCE * pages) : null), [isOpen, pages, text, span.start]);
  const opening = span.kind === "object" ? "{" : "[";
  const closing = span.kind === "object" ? "}" : "]";
  const isEmpty = span.lines === 1;
  const comma = isLast ? "" : ",";
  const total = isOpen ? 0 : isEmpty ? 0 : membersOf(text, span, 10_000).members.length;
  let at = line + 1;
  return (
    <>
      <div>
        <span class="ln" aria-hidden="true">{line}</span>
        {isEmpty ? <span class="tw" /> : (
          <button type="button" class="tw" aria-label={isOpen ? W.json.fold : W.json.open} aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            <Icon name={isOpen ? "down" : "right"} small />
          </button>
        )}
        <span><Indent depth={depth} /><Key span={span} />{isEmpty ? `${opening}${closing}` : isOpen ? opening : <span class="tk-p">{`${opening} ${folded(span, total)} ${closing}`}</span>}<span class="tk-p">{isOpen && !isEmpty ? "" : comma}</span></span>
      </div>
      {first?.members.map((member, i) => {
        const node = <Node text={text} span={member} depth={depth + 1} line={at} isLast={i === first.members.length - 1 && first.next >= span.end - 1} />;
        at += member.lines;
        return node;
      })}
      {first && first.next < span.end - 1 && (
        <div><span class="ln" /><span class="tw" /><span><Indent depth={depth + 1} /><button type="button" class="linkish" onClick={() => setPages(pages * 2)}>{W.json.more(count(MEMBERS_AT_ONCE * pages))}</button></span></div>
      )}
      {isOpen && !isEmpty && (
        <div><span class="ln" aria-hidden="true">{line + span.lines - 1}</span><span class="tw" /><span><Indent depth={depth} />{closing}<span class="tk-p">{comma}</span></span></div>
      )}
    </>
  );
}

function folded(span: Span, total: number): string {
  const n = total >= 10_000 ? `${count(10_000)}+` : count(total);
  if (span.kind === "array") return total === 1 ? W.json.item : W.json.items(n);
  return total === 1 ? W.json.key : W.json.keys(n);
}

function Node(props: NodeProps): JSX.Element {
  const { text, span, depth, line, isLast } = props;
  if (span.kind === "object" || span.kind === "array") return <Container {...props} />;
  return (
    <div>
      <span class="ln" aria-hidden="true">{line}</span>
      <span class="tw" />
      <span><Indent depth={depth} /><Key span={span} /><Scalar text={text} span={span} /><span class="tk-p">{isLast ? "" : ","}</span></span>
    </div>
  );
}

/** The tree; text that is no JSON is shown as it is. */
export function JsonTree({ text, label }: { text: string; label: string }): JSX.Element {
  const span = useMemo(() => (isJson(text) ? spanAt(text, 0) : null), [text]);
  if (!span) return <Text text={text} label={label} />;
  return (
    <div class="json" role="region" tabIndex={0} aria-label={label} key={text.length}>
      <Node text={text} span={span} depth={0} line={1} isLast />
    </div>
  );
}

const TEXT_AT_ONCE = 100_000;

/** A stranger's text: shown, never run. */
export function Text({ text, label, wrap = true }: { text: string; label: string; wrap?: boolean }): JSX.Element {
  const [most, setMost] = useState(TEXT_AT_ONCE);
  return (
    <>
      <pre class={`pre${wrap ? " wrap" : ""}`} tabIndex={0} aria-label={label} role="region"><bdi>{text.slice(0, most)}</bdi></pre>
      {text.length > most && <button type="button" class="linkish more" onClick={() => setMost(text.length)}>{W.json.whole(count(text.length))}</button>}
    </>
  );
}

/** A payload in a panel: tree or raw, copied and downloaded as it came. */
export function Payload({ title, text, name }: { title: string; text: string; name: string }): JSX.Element {
  const [view, setView] = useState<"tree" | "raw">("tree");
  const size = useMemo(() => new Blob([text]).size, [text]);
  return (
    <Panel
      class="clip"
      title={title}
      actions={
        <>
          <Seg small label={W.json.view} value={view} onChange={setView} options={[["tree", W.json.tree], ["raw", W.json.raw]]} />
          <Copy text={text} label={W.copy.text} />
        </>
      }
      footer={
        <>
          <span class="grow">{W.json.asCame(bytes(size))}</span>
          <button type="button" class="linkish" onClick={() => download(name, text)}>{W.json.download}</button>
        </>
      }
    >
      {text === "" ? <p class="body muted">{W.json.empty}</p> : view === "tree" ? <JsonTree text={text} label={title} /> : <Text text={text} label={title} />}
    </Panel>
  );
}

/** Text on one's own: JSON with lines and indentation, everything else as it is. */
export function pretty(text: string): string {
  return isJson(text) ? indented(text) : text;
}
