// SPDX-License-Identifier: Apache-2.0
// What stands around every page: the pages, where one is, the search, and how to begin.
import { signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import {
  areKeysOn, bindKeys, clockSkewMs, Dialog, duration, Facts, Icon, IconButton, Link, Logo, may, navigate, path, toggleTheme, Toasts, Wordmark, type IconName, type Need,
} from "../kit";
import { W } from "../words/en";
import { C } from "../words/console";
import { Finder, openFinder } from "./find";
import { navCounts } from "./nav_counts";
import { isProving, ProofDialog, startProofs } from "./proof";
import { sessionState, SignInAgain, signOut, who } from "./session";
import { useTrouble } from "./trouble";
import { ViewsMenu } from "./views";

interface NavItem {
  to: string;
  label: string;
  icon: IconName;
  key?: string;
  /** Also current on pages of an application that belong to it. */
  within?: RegExp;
  /** Only for those who may. */
  needs?: Need;
}

interface NavGroup {
  title?: string;
  items: NavItem[];
}

const NAV: NavGroup[] = [
  {
    items: [
      { to: "/", label: C.nav.overview, icon: "home", key: "o" },
      { to: "/apps", label: C.nav.apps, icon: "apps", key: "a" },
      { to: "/live", label: C.nav.live, icon: "live", key: "l" },
      { to: "/sources", label: C.nav.sources, icon: "in", key: "s" },
      { to: "/webfilters", label: C.nav.filters, icon: "funnel", key: "w", within: /^\/apps\/[^/]+\/(filters|chains|runs)(\/|$)/ },
      { to: "/tasks", label: C.nav.tasks, icon: "bulk", key: "b" },
      { to: "/event-types", label: C.nav.types, icon: "types", key: "e" },
      { to: "/playground", label: C.nav.playground, icon: "flask", key: "p" },
    ],
  },
  {
    title: C.nav.integrations,
    items: [
      { to: "/integrations/openedx", label: C.nav.openedx, icon: "cap", key: "x" },
      { to: "/integrations/ckan", label: C.nav.ckan, icon: "book" },
      { to: "/integrations/preservica", label: C.nav.preservica, icon: "vault" },
      { to: "/integrations/gaia", label: C.nav.gaia, icon: "wave" },
    ],
  },
  { title: C.nav.server, items: [{ to: "/operational", label: C.nav.operational, icon: "bell" }, { to: "/access", label: C.nav.access, icon: "key", needs: "access" }, { to: "/audit", label: C.nav.audit, icon: "clock", key: "h" }, { to: "/system", label: C.nav.system, icon: "gear", key: "y" }, { to: "/settings", label: C.nav.settings, icon: "sun", key: "," }] },
];

const isHelpOpen = signal(false);

function isCurrent(item: NavItem): boolean {
  const at = path.value;
  if (item.to === "/") return at === "/";
  const other = NAV.flatMap((group) => group.items).find((one) => one.within?.test(at));
  return other ? other === item : at === item.to || at.startsWith(`${item.to}/`);
}

function NavCount({ to }: { to: string }): JSX.Element | null {
  const shown = navCounts.value[to];
  return shown ? <span class={`n${shown.isHot ? " hot" : ""}`}>{shown.n}</span> : null;
}

function Side(): JSX.Element {
  return (
    <nav class="side" aria-label={C.nav.pages}>
      {NAV.map((group) => (
        <>
          {group.title && <h3>{group.title}</h3>}
          {group.items.filter((item) => may(item.needs)).map((item) => (
            <Link to={item.to} aria-current={isCurrent(item) ? "page" : undefined}>
              <Icon name={item.icon} />
              {item.label}
              <NavCount to={item.to} />
            </Link>
          ))}
        </>
      ))}
      <div class="foot">
        {who.value?.version && <span>{C.nav.version(who.value.version)}</span>}
        <span class="row">
          <span class="grow trunc"><bdi>{who.value?.name ?? ""}</bdi></span>
          <button type="button" class="copy" aria-label={C.nav.signOut} title={C.nav.signOut} onClick={() => void signOut()}><Icon name="out" small /></button>
          <button type="button" class="kbd" aria-label={W.keys.help} title={W.keys.help} onClick={() => (isHelpOpen.value = true)}>?</button>
        </span>
      </div>
    </nav>
  );
}

/** At the bottom of a telephone: four pages, and the others behind "More". */
function TabBar(): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  const all = NAV.flatMap((group) => group.items).filter((item) => may(item.needs));
  const first = all.slice(0, 4);
  useEffect(() => setOpen(false), [path.value]);
  return (
    <>
      {isOpen && (
        <nav class="moresheet" aria-label={C.nav.more}>
          {all.slice(4).map((item) => <Link to={item.to} aria-current={isCurrent(item) ? "page" : undefined}><Icon name={item.icon} />{item.label}</Link>)}
          <button type="button" onClick={() => void signOut()}><Icon name="out" />{C.nav.signOut}</button>
        </nav>
      )}
      <nav class="tabbar only-sm" aria-label={C.nav.pages}>
        {first.map((item) => (
          <Link to={item.to} aria-current={isCurrent(item) && !isOpen ? "page" : undefined}>
            <Icon name={item.icon} />
            {item.to === "/apps" ? C.nav.shortApps : item.label}
            {navCounts.value[item.to]?.isHot && <span class="pip">{navCounts.value[item.to]!.n}</span>}
          </Link>
        ))}
        <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}><Icon name="menu" />{C.nav.more}</button>
      </nav>
    </>
  );
}

export interface Crumb {
  label: ComponentChildren;
  to?: string;
}

const crumbs = signal<Crumb[]>([]);

/** Strangers' names come into the window's title only when they are ordinary words: titles go into histories and logs. */
function isOrdinary(name: string): boolean {
  return name.length <= 80 && /^[\p{L}\p{N}\p{M} ._:,/@&()+-]+$/u.test(name);
}

/** Names the page: in the head, in the title of the window, and for screen readers. */
export function usePage(title: string, trail: readonly Crumb[] = []): void {
  useEffect(() => {
    crumbs.value = [...trail, { label: title }];
    document.title = title && isOrdinary(title) ? C.title(title) : "Grapnel";
  }, [title, JSON.stringify(trail.map((one) => [String(one.label), one.to]))]);
}

function Crumbs(): JSX.Element {
  return (
    <nav class="crumbs" aria-label={C.nav.here}>
      {crumbs.value.map((one, i) => (
        i < crumbs.value.length - 1
          ? <>{one.to ? <Link class="up trunc" to={one.to}><bdi>{one.label}</bdi></Link> : <span class="up">{one.label}</span>}<span class="sep" aria-hidden="true">/</span></>
          : <span class="trunc" aria-current="page"><bdi>{one.label}</bdi></span>
      ))}
    </nav>
  );
}

function KeysHelp({ onClose }: { onClose: () => void }): JSX.Element {
  const kbd = (keys: string) => <span class="row gap-1">{keys.split(" ").map((one) => <kbd class="kbd">{one}</kbd>)}</span>;
  return (
    <Dialog title={C.keys.title} onClose={onClose} footer={<><span class="grow hint">{C.keys.off}</span><button type="button" class="btn" data-first="" onClick={onClose}>{W.dialog.close}</button></>}>
      <Facts rows={[
        [kbd("/"), C.keys.find], [kbd("f"), C.keys.filter], [kbd("j"), C.keys.next], [kbd("k"), C.keys.previous],
        [kbd("Enter"), C.keys.open], [kbd("x"), C.keys.select], [kbd("t"), C.keys.theme], [kbd("?"), C.keys.help],
        ...NAV.flatMap((group) => group.items).filter((item) => item.key).map((item) => [kbd(`g ${item.key}`), C.keys.go(item.label)] as const),
      ]} />
    </Dialog>
  );
}

const SKEW_SAID_MS = 5000;

function Skew(): JSX.Element | null {
  const skew = clockSkewMs.value;
  if (skew === null || Math.abs(skew) < SKEW_SAID_MS) return null;
  return <div class="note warn skew" role="status"><Icon name="clock" /><span>{C.nav.skew(duration(skew))}</span></div>;
}

export function Shell({ children }: { children: ComponentChildren }): JSX.Element {
  useTrouble();
  useEffect(startProofs, []);
  useEffect(() => {
    const go = Object.fromEntries(NAV.flatMap((group) => group.items).filter((item) => item.key).map((item) => [`g ${item.key}`, () => navigate(item.to)]));
    return bindKeys({ "/": openFinder, "?": () => (isHelpOpen.value = true), t: toggleTheme, ...go });
  }, []);
  return (
    <div class="shell">
      <a class="btn skip" href="#main">{C.skip}</a>
      <Link class="brand" to="/" aria-label="Grapnel"><Logo /><Wordmark /></Link>
      <header class="top">
        <Logo class="only-sm" />
        <Crumbs />
        <button type="button" class="find" onClick={openFinder} aria-label={C.find.placeholder}>
          <Icon name="search" />
          <span class="grow">{C.find.placeholder}</span>
          {areKeysOn.value && <kbd class="kbd" aria-hidden="true">/</kbd>}
        </button>
        <ViewsMenu />
        <IconButton name="sun" label={W.theme.toggle} onClick={toggleTheme} />
      </header>
      <Side />
      <main class="main" id="main" tabIndex={-1}>
        <Skew />
        <div class="page">{children}</div>
      </main>
      <TabBar />
      <Toasts />
      <Finder />
      {isHelpOpen.value && <KeysHelp onClose={() => (isHelpOpen.value = false)} />}
      {isProving.value && <ProofDialog />}
      {sessionState.value === "lost" && <SignInAgain />}
    </div>
  );
}
