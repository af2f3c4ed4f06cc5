// SPDX-License-Identifier: Apache-2.0
// Numbers beside the pages, such as how many things are wrong.
import { signal } from "@preact/signals";

export const navCounts = signal<Record<string, { n: number; isHot: boolean }>>({});
