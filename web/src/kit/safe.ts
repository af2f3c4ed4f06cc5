// SPDX-License-Identifier: Apache-2.0
// What may not be there: storage throws in frames of other sites and in private windows, so it is tried, not trusted.

/** The kept value, or null where nothing was kept or nothing can be. */
export function kept(key: string): string | null {
  try {
    return localStorage.getItem(`grapnel.${key}`);
  } catch {
    return null;
  }
}

/** Keeps a setting of the reader's; null forgets it. Never a secret. */
export function keep(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`grapnel.${key}`);
    else localStorage.setItem(`grapnel.${key}`, value);
  } catch {
    // It holds until the page is left, then.
  }
}

/** Copies text; false where the browser does not allow it. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

/** The clipboard's own interface exists on https and loopback only; a selection can be copied anywhere. */
function copyBySelection(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "sr";
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  let done = false;
  try {
    done = document.execCommand("copy");
  } catch {
    done = false;
  }
  area.remove();
  return done;
}

/** The address when it is one that may be a link, else null: strangers' addresses can be scripts. */
export function webAddress(text: string): string | null {
  try {
    const url = new URL(text);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}
