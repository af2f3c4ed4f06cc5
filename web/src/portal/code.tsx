// SPDX-License-Identifier: Apache-2.0
// Colours for the snippets. They are ours, so one list of words does for all eight languages.
import type { JSX } from "preact";

const KEYWORDS = "abs|any|as|async|await|begin|boolean|byte|catch|class|const|continue|def|each|else|end|except|exit|fn|for|foreach|from|func|if|import|in|int|let|long|main|match|new|nil|null|out|package|public|require|return|static|string|throws|true|try|unless|use|using|var|void|while";
/** What stands behind a dot is no keyword; strings, comments, keywords, numbers. A "#" begins a comment where a blank follows it. */
const TOKENS = new RegExp(String.raw`\.[a-z]\w*|("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(//[^\n]*|# [^\n]*)|\b(${KEYWORDS})\b|\b(\d+)\b`, "g");
const CLASSES = ["tk-s", "tk-c", "tk-l", "tk-n"];

export function Highlighted({ code }: { code: string }): JSX.Element {
  const parts: (string | JSX.Element)[] = [];
  let at = 0;
  for (const found of code.matchAll(TOKENS)) {
    const kind = found.slice(1).findIndex((one) => one !== undefined);
    parts.push(code.slice(at, found.index), kind < 0 ? found[0] : <span class={CLASSES[kind]}>{found[0]}</span>);
    at = found.index + found[0].length;
  }
  return <>{parts}{code.slice(at)}</>;
}
