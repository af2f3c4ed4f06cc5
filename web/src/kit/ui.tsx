// SPDX-License-Identifier: Apache-2.0
// The small parts that pages are made of. Everything that comes from outside is text here, never markup.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { W } from "../words/en";
import { ApiError } from "./api";
import { exact, now, relative, when, type Moment } from "./format";
import { Icon, type IconName } from "./icons";
import type { ButtonProps as PlainButton, Common, InputProps } from "./props";
import { may, type Need } from "./rights";
import { Link } from "./router";
import { copyText } from "./safe";
import { toast } from "./toast";

interface ButtonProps extends PlainButton {
  kind?: "primary" | "danger" | "solid" | "quiet";
  small?: boolean;
  icon?: IconName;
  busy?: boolean;
  /** Not drawn for those who may not. */
  needs?: Need;
  children: ComponentChildren;
}

function buttonClass(kind: ButtonProps["kind"], small?: boolean): string {
  const look = kind === "solid" ? " danger solid" : kind ? ` ${kind}` : "";
  return `btn${look}${small ? " s" : ""}`;
}

/** A button says what it does. While busy it keeps its width and cannot be pressed again. */
export function Button({ kind, small, icon, busy, needs, children, class: cls, disabled, ...rest }: ButtonProps): JSX.Element | null {
  if (!may(needs)) return null;
  return (
    <button type="button" {...rest} class={`${buttonClass(kind, small)}${cls ? ` ${cls}` : ""}`} disabled={disabled || busy} aria-busy={busy || undefined}>
      {busy ? <span class="spin" /> : icon && <Icon name={icon} small />}
      {children}
    </button>
  );
}

/** A button without a word on it; the label is read out and shown when pointed at. */
export function IconButton({ name, label, small, class: cls, ...rest }: PlainButton & { name: IconName; label: string; small?: boolean }): JSX.Element {
  return (
    <button type="button" {...rest} class={`btn icon quiet${small ? " s" : ""}${cls ? ` ${cls}` : ""}`} aria-label={label} title={label}>
      <Icon name={name} />
    </button>
  );
}

/** A link that looks like a button, for going somewhere. */
export function LinkButton({ to, kind, small, icon, children }: { to: string; kind?: ButtonProps["kind"]; small?: boolean; icon?: IconName; children: ComponentChildren }): JSX.Element {
  return (
    <Link to={to} class={buttonClass(kind, small)}>
      {icon && <Icon name={icon} small />}
      {children}
    </Link>
  );
}

/** Copies a text and says that it did. The text may be made when it is asked for. */
export function Copy({ text, label = W.copy.text }: { text: string | (() => string | Promise<string>); label?: string }): JSX.Element {
  const [isDone, setDone] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async (event: MouseEvent) => {
    event.stopPropagation();
    event.preventDefault();
    try {
      if (!(await copyText(typeof text === "string" ? text : await text()))) return toast.say(W.copy.refused);
      setDone(true);
      timer.current = setTimeout(() => setDone(false), 1500);
    } catch (error) {
      toast.fail(error);
    }
  };
  return (
    <button type="button" class={`copy${isDone ? " is-done" : ""}`} aria-label={label} title={label} onClick={copy}>
      <Icon name={isDone ? "check" : "copy"} small />
      <span class="sr" role="status">{isDone ? W.copy.done : ""}</span>
    </button>
  );
}

/** An id or an address: cut where there is no room, copied whole. */
export function Id({ value, label = W.copy.id, whole }: { value: string; label?: string; whole?: boolean }): JSX.Element {
  return (
    <span class={`id${whole ? " whole" : ""}`}>
      <bdi class={whole ? "" : "trunc"} title={whole ? undefined : value}>{value}</bdi>
      <Copy text={value} label={label} />
    </span>
  );
}

/** A moment; pointed at it tells everything. */
export function Time({ at, rel, seconds = true }: { at: Moment | null | undefined; rel?: boolean; seconds?: boolean }): JSX.Element | null {
  if (at === null || at === undefined || at === "") return null;
  const words = rel ? relative(at, now.value) : when(at, seconds);
  return (
    <time class="nowrap" dateTime={new Date(at).toISOString()} title={exact(at)}>
      {words}
    </time>
  );
}

export function Tag({ children, mono = true }: { children: ComponentChildren; mono?: boolean }): JSX.Element {
  return <span class={`tag${mono ? " mono" : ""}`}><bdi>{children}</bdi></span>;
}

export function Panel({ title, actions, children, flush, class: cls, footer, inset }: { title?: ComponentChildren; actions?: ComponentChildren; children: ComponentChildren; flush?: boolean; class?: string; footer?: ComponentChildren; inset?: boolean }): JSX.Element {
  const id = useId();
  return (
    <section class={`panel${flush ? " flush" : ""}${inset ? " inset" : ""}${cls ? ` ${cls}` : ""}`} aria-labelledby={title ? id : undefined}>
      {title !== undefined && (
        <header>
          <h2 id={id} class="grow">{title}</h2>
          {actions}
        </header>
      )}
      {children}
      {footer && <footer>{footer}</footer>}
    </section>
  );
}

/** A few facts in two columns; those without a value are left out. */
export function Facts({ rows, narrow }: { rows: readonly (readonly [ComponentChildren, ComponentChildren] | null | false)[]; narrow?: boolean }): JSX.Element {
  return (
    <dl class={`dl${narrow ? " s1" : ""}`}>
      {rows.map((row) => row && row[1] !== null && row[1] !== undefined && row[1] !== "" && (
        <>
          <dt>{row[0]}</dt>
          <dd>{row[1]}</dd>
        </>
      ))}
    </dl>
  );
}

/** One of a few; the chosen one is pressed. */
export function Seg<T extends string>({ label, options, value, onChange, small }: { label: string; options: readonly (readonly [T, ComponentChildren])[]; value: T; onChange: (value: T) => void; small?: boolean }): JSX.Element {
  return (
    <div class={`seg${small ? " s" : ""}`} role="group" aria-label={label}>
      {options.map(([key, words]) => (
        <button type="button" aria-pressed={key === value} onClick={() => onChange(key)}>{words}</button>
      ))}
    </div>
  );
}

export interface Tab {
  key: string;
  label: ComponentChildren;
  to: string;
  n?: ComponentChildren;
}

/** Tabs are links: each has an address. */
export function Tabs({ label, tabs, at }: { label: string; tabs: readonly Tab[]; at: string }): JSX.Element {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <Link to={tab.to} aria-current={tab.key === at ? "page" : undefined}>
          {tab.label}
          {tab.n !== undefined && <span class="n">{tab.n}</span>}
        </Link>
      ))}
    </nav>
  );
}

/** Rarer acts behind three dots. A native details element: it opens without a line of ours. `needs`: what all of them need. */
export function Menu({ label, children, icon = "dots", needs, onOpen }: { label: string; children: ComponentChildren; icon?: IconName; needs?: Need; onOpen?: () => void }): JSX.Element | null {
  const box = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const close = (event: Event) => {
      const details = box.current;
      if (!details?.open) return;
      if (event instanceof KeyboardEvent) {
        if (event.key !== "Escape") return;
        details.querySelector("summary")?.focus();
      } else if (details.contains(event.target as Node)) return;
      details.open = false;
    };
    addEventListener("pointerdown", close);
    addEventListener("keydown", close);
    return () => {
      removeEventListener("pointerdown", close);
      removeEventListener("keydown", close);
    };
  }, []);
  return may(needs) ? (
    <details class="menubox" ref={box} onToggle={() => box.current?.open && onOpen?.()}>
      <summary class="btn icon" aria-label={label} title={label}><Icon name={icon} /></summary>
      <div class="menu" onClick={() => box.current && (box.current.open = false)}>{children}</div>
    </details>
  ) : null;
}

export function MenuItem({ icon, danger, needs, onClick, children }: { icon: IconName; danger?: boolean; needs?: Need; onClick: () => void; children: ComponentChildren }): JSX.Element | null {
  if (!may(needs)) return null;
  return (
    <button type="button" class={danger ? "danger" : ""} onClick={onClick}>
      <Icon name={icon} />
      {children}
    </button>
  );
}

/** Nothing here: says why, and what to do next. */
export function Empty({ title, children, art = "anchor", actions }: { title: string; children?: ComponentChildren; art?: "anchor" | "line" | "broken"; actions?: ComponentChildren }): JSX.Element {
  return (
    <div class="empty">
      <Art kind={art} />
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {actions && <div class="row wrap">{actions}</div>}
    </div>
  );
}

function Art({ kind }: { kind: "anchor" | "line" | "broken" }): JSX.Element {
  return (
    <svg class="art" viewBox="0 0 160 80" aria-hidden="true" focusable="false">
      <path class="f" d="M0 44c14-6 26-6 40 0s26 6 40 0 26-6 40 0 26 6 40 0v36H0z" />
      <path class="b" d="M0 44c14-6 26-6 40 0s26 6 40 0 26-6 40 0 26 6 40 0" />
      {kind === "anchor" && <path class="a" d="M80 18a5 5 0 1 0 .1 0zM80 28v36M62 48c0 10 7 16 18 16s18-6 18-16M58 52l4-5 5 3M102 52l-4-5-5 3" />}
      {kind === "line" && <path class="a" d="M80 6v22M80 28a5 5 0 1 0 .1 0zM80 38v22M68 52c0 6 4 9 12 9s12-3 12-9" />}
      {kind === "broken" && <><path class="c" d="M80 4v14l-5 5M84 27l-4 5v4" /><path class="a" d="M80 40a4 4 0 1 0 .1 0zM80 48v20M66 60c0 6 5 9 14 9s14-3 14-9" /></>}
    </svg>
  );
}

/** What the server said, whole, with the request to ask about. */
export function ErrorPanel({ error, onRetry }: { error: unknown; onRetry?: () => void }): JSX.Element {
  const known = error instanceof ApiError ? error : null;
  const isGone = known?.status === 0;
  return (
    <div class="note fail" role="alert">
      <Icon name="alarm" />
      <div class="grow">
        <b>{isGone ? W.error.unreachable : <bdi>{known ? known.detail || W.error.noWords : String(error)}</bdi>}</b>
        <span class="l2">
          {isGone ? W.error.unreachableHint : known && `${W.error.status(known.status)}${known.code ? `, ${known.code}` : ""}`}
          {known?.requestId && <> · <span class="mono">{W.error.request(known.requestId)}</span></>}
        </span>
      </div>
      {onRetry && <Button small onClick={onRetry}>{W.error.again}</Button>}
    </div>
  );
}

/** A line of what comes. */
export function Skel({ w = 3 }: { w?: 1 | 2 | 3 | 4 | 5 }): JSX.Element {
  return <span class={`skel w-${w}`} />;
}

export function SkelLines({ n = 4 }: { n?: number }): JSX.Element {
  return (
    <div class="body sk-lines" role="status" aria-label={W.table.loading}>
      {Array.from({ length: n }, (_, i) => <Skel w={((i % 3) + 3) as 3 | 4 | 5} />)}
    </div>
  );
}

/** A label above, help below, the mistake in words. */
export function Field({ label, hint, error, children, class: cls }: { label: ComponentChildren; hint?: ComponentChildren; error?: string | null; children: ComponentChildren; class?: string }): JSX.Element {
  return (
    <label class={`field${cls ? ` ${cls}` : ""}`}>
      <span>{label}</span>
      {children}
      {error ? <span class="err" role="alert"><bdi>{error}</bdi></span> : hint && <small>{hint}</small>}
    </label>
  );
}

/** A text typed; Preact's event types are kept out of the pages. */
export function Input({ value, onValue, class: cls, mono, bad, ...rest }: InputProps): JSX.Element {
  // The types of Preact tie each kind of input to its attributes; here the caller did.
  const attributes: object = { type: "text", autocomplete: "off", ...rest, "aria-invalid": bad || undefined };
  return <input type="text" {...attributes} class={`input${mono ? " mono" : ""}${bad ? " is-bad" : ""}${cls ? ` ${cls}` : ""}`} value={value} onInput={(event) => onValue(event.currentTarget.value)} />;
}

export function TextArea({ value, onValue, mono, bad, rows = 4, class: cls, ...rest }: Omit<InputProps, "type" | "min" | "max" | "step" | "list" | "inputmode" | "autocomplete"> & { rows?: number }): JSX.Element {
  return <textarea spellcheck={false} {...rest} rows={rows} class={`input${mono ? " mono" : ""}${bad ? " is-bad" : ""}${cls ? ` ${cls}` : ""}`} aria-invalid={bad || undefined} value={value} onInput={(event) => onValue(event.currentTarget.value)} />;
}

export function Select<T extends string>({ value, options, onValue, label, ...rest }: Common & { disabled?: boolean; name?: string; value: T; options: readonly (readonly [T, string])[]; onValue: (value: T) => void; label?: string }): JSX.Element {
  return (
    <select {...rest} class="input" aria-label={label} value={value} onChange={(event) => onValue(event.currentTarget.value as T)}>
      {options.map(([key, words]) => <option value={key} selected={key === value}>{words}</option>)}
    </select>
  );
}

export function Check({ checked, onValue, children, sw, disabled }: { checked: boolean; onValue: (checked: boolean) => void; children: ComponentChildren; sw?: boolean; disabled?: boolean }): JSX.Element {
  return (
    <label class="check">
      <input type="checkbox" class={sw ? "sw" : ""} checked={checked} disabled={disabled} onChange={(event) => onValue(event.currentTarget.checked)} />
      {children}
    </label>
  );
}

const SECRET_MS = 30_000;

/** A secret: hidden, shown on asking and hidden again after 30 s, copied without being shown. */
export function Secret({ load, label, needs }: { load: () => Promise<string>; label: string; needs?: Need }): JSX.Element {
  const [shown, setShown] = useState<string | null>(null);
  useEffect(() => {
    if (shown === null) return;
    const timer = setTimeout(() => setShown(null), SECRET_MS);
    return () => clearTimeout(timer);
  }, [shown]);
  const show = () => load().then(setShown, toast.fail);
  if (!may(needs)) return <span class="muted">{W.secret.notYours}</span>;
  return (
    <span class="secret">
      <code class={shown === null ? "" : "is-shown"} aria-label={label}>{shown ?? "••••••••••••••••"}</code>
      <span class="row gap-1">
        <IconButton small name={shown === null ? "eye" : "off"} label={shown === null ? W.secret.show : W.secret.hide} onClick={() => (shown === null ? show() : setShown(null))} />
        <Copy text={load} label={W.secret.copy} />
      </span>
    </span>
  );
}
