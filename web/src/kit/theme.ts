// SPDX-License-Identifier: Apache-2.0
// The theme follows the system until the reader chooses one.
import { signal } from "@preact/signals";
import { keep, kept } from "./safe";

export type Theme = "system" | "light" | "dark";

export const theme = signal<Theme>(known(kept("theme")));

function known(text: string | null): Theme {
  return text === "light" || text === "dark" ? text : "system";
}

export function setTheme(next: Theme): void {
  theme.value = next;
  keep("theme", next === "system" ? null : next);
  applyTheme();
}

export function applyTheme(): void {
  const root = document.documentElement;
  if (theme.value === "system") delete root.dataset.theme;
  else root.dataset.theme = theme.value;
}

export function isDark(): boolean {
  return theme.value === "system" ? matchMedia("(prefers-color-scheme: dark)").matches : theme.value === "dark";
}

export function toggleTheme(): void {
  setTheme(isDark() ? "light" : "dark");
}
