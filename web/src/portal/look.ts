// SPDX-License-Identifier: Apache-2.0
// The host's colours and font on our page. A brand colour is a wish: it is moved towards black or white until words
// in it and on it can be read (WCAG AA), and everything that has to fit to it is made from the result. Set through
// CSSOM, which the content security policy allows; nothing of a link is ever put into a style as text.
import { applyTheme, theme } from "../kit/theme";
import { isFramed, type Wishes } from "./host";

export type Colour = readonly [number, number, number];

export function parse(hex: string): Colour {
  const n = parseInt(hex.slice(1), 16);
  return [n >> 16, (n >> 8) & 255, n & 255];
}

function hex(colour: Colour): string {
  return `#${colour.map((part) => Math.round(part).toString(16).padStart(2, "0")).join("")}`;
}

function luminance(colour: Colour): number {
  const [r, g, b] = colour.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** From 1, the same, to 21, black on white. */
export function contrast(a: Colour, b: Colour): number {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** `share` of b in a. */
function mix(a: Colour, b: Colour, share: number): Colour {
  return [0, 1, 2].map((i) => a[i]! * (1 - share) + b[i]! * share) as unknown as Colour;
}

const BLACK: Colour = [0, 0, 0], WHITE: Colour = [255, 255, 255];
const TEXT = 4.5, SHAPE = 3, STEP = 0.02;

/** The colour nearest to it, towards `end`, that stands out by `least` against all of `grounds`. */
export function readable(colour: Colour, end: Colour, grounds: readonly Colour[], least: number): Colour {
  for (let share = 0; share < 1; share += STEP) {
    const tried = parse(hex(mix(colour, end, share)));
    if (grounds.every((ground) => contrast(tried, ground) >= least)) return tried;
  }
  return end;
}

interface Ground {
  surface: Colour;
  others: readonly Colour[];
  end: Colour;
  soft: number;
}

/** Ours, of tokens.css: what words in the accent stand on. */
const LIGHT: Ground = { surface: WHITE, others: [parse("#f7fafa"), parse("#e9f0f0")], end: BLACK, soft: 0.88 };
const DARK: Ground = { surface: parse("#0c1e23"), others: [parse("#10252b"), parse("#173138")], end: WHITE, soft: 0.8 };

type Palette = Record<"--accent" | "--accent-hover" | "--accent-soft" | "--accent-line" | "--on-accent" | "--tide" | "--tide-2", string>;

/** All that depends on the accent, for one theme. */
export function paletteOf(wanted: Colour, isDark: boolean): Palette {
  const ground = isDark ? DARK : LIGHT;
  const softOf = (accent: Colour): Colour => mix(accent, ground.surface, ground.soft);
  // The soft area is made of the accent that stands on it, so both are moved until they fit.
  let accent = readable(wanted, ground.end, [ground.surface, ...ground.others], TEXT);
  while (contrast(accent, softOf(accent)) < TEXT && hex(accent) !== hex(ground.end)) accent = mix(accent, ground.end, 0.05);
  const onAccent = contrast(WHITE, accent) >= contrast(BLACK, accent) ? WHITE : BLACK;
  const tide = readable(wanted, ground.end, [ground.surface], SHAPE);
  return {
    "--accent": hex(accent),
    "--accent-hover": hex(mix(accent, onAccent === WHITE ? BLACK : WHITE, 0.18)),
    "--accent-soft": hex(softOf(accent)),
    "--accent-line": hex(mix(accent, ground.surface, 0.55)),
    "--on-accent": hex(onAccent),
    "--tide": hex(tide),
    "--tide-2": hex(mix(tide, ground.surface, 0.55)),
  };
}

/** Faces that readers have on their machines. Nothing is loaded, so a name only helps where the face is there. */
const FACES: Record<string, string> = {
  inter: "sans", roboto: "sans", "open sans": "sans", lato: "sans", montserrat: "sans", poppins: "sans", "source sans pro": "sans",
  nunito: "sans", "noto sans": "sans", "ibm plex sans": "sans", ubuntu: "sans", arial: "sans", helvetica: "sans", "helvetica neue": "sans",
  verdana: "sans", tahoma: "sans", "segoe ui": "sans", "trebuchet ms": "sans", georgia: "serif", "times new roman": "serif",
  garamond: "serif", palatino: "serif", merriweather: "serif", "courier new": "mono",
};
const GENERIC: Record<string, string> = {
  "system-ui": "", "sans-serif": "", serif: 'Georgia, "Times New Roman", serif', monospace: "var(--mono)",
};

/** The value of --sans for a name, or null: not one we know. */
export function fontStack(name: string | null, ours: string): string | null {
  const wanted = (name ?? "").trim().toLowerCase();
  if (wanted in GENERIC) return GENERIC[wanted] || null;
  const kind = FACES[wanted];
  if (kind === undefined) return null;
  return `"${wanted}", ${kind === "serif" ? GENERIC["serif"]! : kind === "mono" ? "var(--mono)" : ours}`;
}

/** Puts on what the link asks for. */
export function applyLook(wishes: Wishes): void {
  const style = document.documentElement.style;
  const light = wishes.colourLight && paletteOf(parse(wishes.colourLight), false);
  const dark = wishes.colourDark && paletteOf(parse(wishes.colourDark), true);
  const had = getComputedStyle(document.documentElement);
  for (const name of Object.keys(light || dark || {}) as (keyof Palette)[]) {
    const [oursLight, oursDark] = sides(had.getPropertyValue(name));
    style.setProperty(name, `light-dark(${light ? light[name] : oursLight}, ${dark ? dark[name] : oursDark})`);
  }
  const stack = fontStack(wishes.font, had.getPropertyValue("--sans"));
  if (stack) style.setProperty("--sans", stack);
  document.documentElement.classList.toggle("no-gutters", wishes.hasNoGutters);
  document.documentElement.classList.toggle("no-navigation", wishes.hidesNavigation);
  // A host that says nothing has a light page, unless the reader has chosen; without a host the system knows.
  theme.value = wishes.theme ?? (isFramed && theme.value === "system" ? "light" : theme.value);
  applyTheme();
}

/** The two colours of a token's light-dark(). */
function sides(value: string): [string, string] {
  const found = /light-dark\(\s*([^,]+|rgb\([^)]*\))\s*,\s*([^)]+|rgb\([^)]*\))\s*\)/.exec(value);
  return found ? [found[1]!, found[2]!] : [value, value];
}
