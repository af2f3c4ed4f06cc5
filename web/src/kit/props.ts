// SPDX-License-Identifier: Apache-2.0
// What parts of the kit hand on to the element they draw.

/** Attributes that every element may have. */
export interface Common {
  id?: string;
  class?: string;
  title?: string;
  "aria-label"?: string;
  "aria-describedby"?: string;
  "data-first"?: string;
  /** What the key "/" leads to. */
  "data-search"?: string;
}

export interface InputProps extends Common {
  value: string;
  onValue: (value: string) => void;
  type?: "text" | "search" | "url" | "password" | "number" | "datetime-local" | "email";
  name?: string;
  placeholder?: string;
  autocomplete?: string;
  inputmode?: "numeric" | "text" | "url";
  maxLength?: number;
  min?: string | number;
  max?: string | number;
  step?: string | number;
  disabled?: boolean;
  required?: boolean;
  spellcheck?: boolean;
  list?: string;
  mono?: boolean;
  bad?: boolean;
  onKeyDown?: (event: KeyboardEvent) => void;
}

export interface ButtonProps extends Common {
  type?: "button" | "submit";
  disabled?: boolean;
  "aria-pressed"?: boolean;
  "aria-expanded"?: boolean;
  onClick?: (event: MouseEvent) => void;
}
