// SPDX-License-Identifier: Apache-2.0
// QR codes (ISO/IEC 18004) of short texts: bytes, versions 1 to 10, correction level L, the first mask. Enough for the
// address of an authenticator; a text of more than 271 bytes has none. Drawn as SVG, with no string of markup.
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";

/** Of each version: bytes of correction in a block, and the bytes of data of each block. */
const VERSIONS: readonly (readonly [number, readonly number[]])[] = [
  [7, [19]], [10, [34]], [15, [55]], [20, [80]], [26, [108]], [18, [68, 68]], [20, [78, 78]], [24, [97, 97]], [30, [116, 116]], [18, [68, 68, 69, 69]],
];
/** Of each version: the middles of the alignment patterns. */
const ALIGNED: readonly (readonly number[])[] = [[], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50]];

/** The product in the field of 256 elements. */
function times(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    product ^= ((b >> bit) & 1) * a;
  }
  return product;
}

/** The bytes of correction of a block. */
function correction(data: readonly number[], length: number): number[] {
  const divisor: number[] = new Array<number>(length).fill(0);
  divisor[length - 1] = 1;
  for (let i = 0, root = 1; i < length; i++, root = times(root, 2))
    for (let k = 0; k < length; k++) divisor[k] = times(divisor[k]!, root) ^ (divisor[k + 1] ?? 0);
  const rest: number[] = new Array<number>(length).fill(0);
  for (const byte of data) {
    const factor = byte ^ rest.shift()!;
    rest.push(0);
    for (let k = 0; k < length; k++) rest[k]! ^= times(divisor[k]!, factor);
  }
  return rest;
}

/** The text as the bytes of data, filled up. */
function dataOf(text: Uint8Array, version: number, room: number): number[] {
  const bits: number[] = [];
  const put = (value: number, length: number) => {
    for (let bit = length - 1; bit >= 0; bit--) bits.push((value >> bit) & 1);
  };
  put(4, 4);
  put(text.length, version < 10 ? 8 : 16);
  for (const byte of text) put(byte, 8);
  put(0, Math.min(4, room * 8 - bits.length));
  put(0, (8 - (bits.length % 8)) % 8);
  for (let fill = 0xec; bits.length < room * 8; fill ^= 0xec ^ 0x11) put(fill, 8);
  return Array.from({ length: room }, (_, i) => bits.slice(i * 8, i * 8 + 8).reduce((byte, bit) => byte * 2 + bit, 0));
}

/** All bytes in the order in which they are drawn: those of the blocks by turns. */
function bytesOf(text: Uint8Array, version: number): number[] {
  const [length, sizes] = VERSIONS[version - 1]!;
  const data = dataOf(text, version, sizes.reduce((sum, size) => sum + size, 0));
  let at = 0;
  const blocks = sizes.map((size) => data.slice(at, (at += size)));
  const checks = blocks.map((block) => correction(block, length));
  const turns = (lists: number[][]) => Array.from({ length: Math.max(...lists.map((list) => list.length)) }, (_, i) => lists.filter((list) => i < list.length).map((list) => list[i]!)).flat();
  return [...turns(blocks), ...turns(checks)];
}

/** A number with its remainder by a generator behind it. */
function withRemainder(value: number, generator: number, length: number): number {
  let rest = value;
  for (let i = 0; i < length; i++) rest = (rest << 1) ^ ((rest >> (length - 1)) * generator);
  return (value << length) | rest;
}

type Cell = boolean | undefined;

function drawFixed(cells: Cell[][], version: number): void {
  const size = cells.length;
  const set = (x: number, y: number, dark: boolean) => {
    if (x >= 0 && y >= 0 && x < size && y < size) cells[y]![x] = dark;
  };
  for (let i = 0; i < size; i++) {
    set(6, i, i % 2 === 0);
    set(i, 6, i % 2 === 0);
  }
  for (const [cx, cy] of [[3, 3], [size - 4, 3], [3, size - 4]] as const)
    for (let dy = -4; dy <= 4; dy++)
      for (let dx = -4; dx <= 4; dx++) {
        const ring = Math.max(Math.abs(dx), Math.abs(dy));
        set(cx + dx, cy + dy, ring !== 2 && ring !== 4);
      }
  const middles = ALIGNED[version - 1]!;
  for (const cy of middles)
    for (const cx of middles) {
      const isCorner = (cx === 6 && cy === 6) || (cx === 6 && cy === size - 7) || (cx === size - 7 && cy === 6);
      for (let dy = -2; dy <= 2 && !isCorner; dy++) for (let dx = -2; dx <= 2; dx++) set(cx + dx, cy + dy, Math.max(Math.abs(dx), Math.abs(dy)) !== 1);
    }
  const format = withRemainder(0b01000, 0x537, 10) ^ 0x5412; // level L, mask 0
  for (let i = 0; i < 15; i++) {
    const dark = ((format >> i) & 1) === 1;
    set(8, i < 6 ? i : i < 8 ? i + 1 : size - 15 + i, dark);
    set(i < 8 ? size - 1 - i : i === 8 ? 7 : 14 - i, 8, dark);
  }
  set(8, size - 8, true);
  const stated = withRemainder(version, 0x1f25, 12);
  for (let i = 0; version >= 7 && i < 18; i++) {
    const dark = ((stated >> i) & 1) === 1;
    set(size - 11 + (i % 3), Math.floor(i / 3), dark);
    set(Math.floor(i / 3), size - 11 + (i % 3), dark);
  }
}

function drawBytes(cells: Cell[][], bytes: readonly number[]): void {
  const size = cells.length;
  let bit = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step++) {
      const y = ((right + 1) & 2) === 0 ? size - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (cells[y]![x] !== undefined) continue;
        const value = ((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
        cells[y]![x] = (value === 1) !== ((x + y) % 2 === 0);
        bit++;
      }
    }
  }
}

/** Rows of cells, true for dark; null when the text is too long. */
export function qrCells(text: string): boolean[][] | null {
  const bytes = new TextEncoder().encode(text);
  const version = VERSIONS.findIndex(([, sizes], i) => bytes.length + (i < 9 ? 2 : 3) <= sizes.reduce((sum, size) => sum + size, 0)) + 1;
  if (version === 0) return null;
  const size = version * 4 + 17;
  const cells: Cell[][] = Array.from({ length: size }, () => new Array<Cell>(size).fill(undefined));
  drawFixed(cells, version);
  drawBytes(cells, bytesOf(bytes, version));
  return cells as boolean[][];
}

/** Dark on light in both themes: cameras want it so. */
export function QrCode({ text, label }: { text: string; label: string }): JSX.Element | null {
  const cells = useMemo(() => qrCells(text), [text]);
  if (!cells) return null;
  const path = cells.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x + 4} ${y + 4}h1v1h-1z`] : []))).join("");
  const side = cells.length + 8;
  return (
    <svg class="qr" viewBox={`0 0 ${side} ${side}`} role="img" aria-label={label} shape-rendering="crispEdges">
      <rect width={side} height={side} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}
