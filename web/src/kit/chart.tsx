// SPDX-License-Identifier: Apache-2.0
// The waterline: what arrived stands above it, what did not hangs below it, what waits is a depth. Above and below may
// have different scales, so both are labelled. A gap in the data is a gap. The same figures come as a table.
import type { ComponentChildren, JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { W } from "../words/en";
import { clock, date, figure } from "./format";
import { Icon } from "./icons";

/** One bar: the time it begins at; null where nothing is known. */
export interface WaterPoint {
  t: number;
  up: number | null;
  down: number | null;
}

export interface Band {
  from: number;
  to: number;
  label: string;
}

interface WaterlineProps {
  label: string;
  points: readonly WaterPoint[];
  stepMs: number;
  upLabel: string;
  downLabel: string;
  height?: number;
  band?: Band | null;
  /** Without the scale at the left. */
  isPlain?: boolean;
  show?: (value: number) => string;
}

/** The width in pixels, so that lines stay sharp and letters keep their size. */
function useWidth(): [(element: HTMLDivElement | null) => void, number] {
  const [width, setWidth] = useState(0);
  const watching = useRef<ResizeObserver | null>(null);
  const attach = useRef((element: HTMLDivElement | null) => {
    watching.current?.disconnect();
    if (!element) return;
    setWidth(element.clientWidth);
    watching.current = new ResizeObserver(([entry]) => entry && setWidth(Math.round(entry.contentRect.width)));
    watching.current.observe(element);
  });
  return [attach.current, width];
}

/** A round number not below a value: 1, 2, 2.5, 5 times a power of ten. */
function niceAbove(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  for (const step of [1, 2, 2.5, 5, 10]) if (value <= step * power * 1.0001) return step * power;
  return 10 * power;
}

const HOUR = 3_600_000;
const TIME_STEPS = [HOUR / 12, HOUR / 6, HOUR / 4, HOUR / 2, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR, 48 * HOUR, 168 * HOUR, 720 * HOUR];

/** Where the labels of the time axis stand. */
function timeTicks(from: number, to: number, width: number): { t: number; words: string }[] {
  const most = Math.max(2, Math.floor(width / 84));
  const step = TIME_STEPS.find((one) => (to - from) / one <= most) ?? (to - from) / most;
  const offset = new Date(from).getTimezoneOffset() * 60_000;
  const ticks: { t: number; words: string }[] = [];
  for (let t = Math.ceil((from - offset) / step) * step + offset; t <= to; t += step) {
    ticks.push({ t, words: step >= 24 * HOUR ? date(t) : clock(t, false) });
  }
  return ticks;
}

function bars(points: readonly WaterPoint[], x: (t: number) => number, w: number, pick: (p: WaterPoint) => number | null, rect: (value: number) => [number, number]): string {
  let d = "";
  for (const point of points) {
    const value = pick(point);
    if (!value) continue;
    const [y, h] = rect(value);
    d += `M${x(point.t).toFixed(1)} ${y.toFixed(1)}h${w.toFixed(1)}v${h.toFixed(1)}h${(-w).toFixed(1)}z`;
  }
  return d;
}

/** A value drawn at all is at least so high, or one failure in a million would not be seen. */
const LEAST = 2;

interface Frame {
  width: number;
  left: number;
  top: number;
  water: number;
  floor: number;
}

function Scales({ frame, upMax, downMax, show }: { frame: Frame; upMax: number; downMax: number; show: (v: number) => string }): JSX.Element {
  const lines = [0, 0.5, 1];
  const deep = frame.floor - frame.water;
  return (
    <>
      {lines.map((part) => {
        const y = Math.round(frame.water - part * (frame.water - frame.top));
        return <><path class="grid" d={`M${frame.left} ${y}H${frame.width}`} /><text class="t-end" x={frame.left - 8} y={y + 4}>{show(part * upMax)}</text></>;
      })}
      {downMax > 0 && <><path class="grid" d={`M${frame.left} ${Math.round(frame.water + deep)}H${frame.width}`} /><text class="t-end t-bad" x={frame.left - 8} y={Math.round(frame.water + deep) + 4}>{show(downMax)}</text></>}
    </>
  );
}

function bandOf(band: Band, x: (t: number) => number, frame: Frame): JSX.Element {
  const from = Math.max(frame.left, x(band.from)), to = Math.min(frame.width, x(band.to));
  const isRight = from > frame.width - 160;
  return (
    <>
      <rect class="band" x={from} y={0} width={Math.max(2, to - from)} height={frame.floor} />
      <text class={`t-bad${isRight ? " t-end" : ""}`} x={isRight ? from - 6 : from + 6} y={frame.water + 16}>{band.label}</text>
    </>
  );
}

/** The figures of the bar one points at or has reached by the arrow keys. */
function Tip({ point, left, props }: { point: WaterPoint; left: number; props: WaterlineProps }): JSX.Element {
  const show = props.show ?? figure;
  const end = point.t + props.stepMs;
  return (
    <div class="tip chart-tip" style={{ left: `${left}px` }}>
      <b>{props.stepMs >= 24 * HOUR ? date(point.t) : `${clock(point.t, false)} – ${clock(end, false)}`}</b>
      {point.up === null ? <span class="muted">{W.chart.gap}</span> : (
        <span class="legend"><span><i class="sw-t" />{props.upLabel} <b>{show(point.up)}</b></span><span><i class="sw-b" />{props.downLabel} <b>{show(point.down ?? 0)}</b></span></span>
      )}
    </div>
  );
}

function WaterTable({ props }: { props: WaterlineProps }): JSX.Element {
  const show = props.show ?? figure;
  return (
    <div class="charttable" tabIndex={0} role="region" aria-label={props.label}>
      <table class="tbl dense">
        <thead><tr><th scope="col">{W.chart.time}</th><th scope="col" class="num">{props.upLabel}</th><th scope="col" class="num">{props.downLabel}</th></tr></thead>
        <tbody>
          {[...props.points].reverse().map((point) => (
            <tr><td>{`${date(point.t)} ${clock(point.t, false)}`}</td><td class="num">{point.up === null ? W.chart.gap : show(point.up)}</td><td class="num">{point.down === null ? "" : show(point.down)}</td></tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A button that shows a chart's figures as a table; stands in the head of a panel. */
export function TableSwitch({ isTable, onChange }: { isTable: boolean; onChange: (isTable: boolean) => void }): JSX.Element {
  const words = isTable ? W.chart.asChart : W.chart.asTable;
  return <button type="button" class="copy" aria-label={words} title={words} aria-pressed={isTable} onClick={() => onChange(!isTable)}><Icon name={isTable ? "home" : "menu"} small /></button>;
}

function WaterDrawing(props: WaterlineProps & { width: number; at: number | null }): JSX.Element {
  const { points, stepMs, width, at } = props;
  const height = props.height ?? 220;
  const show = props.show ?? figure;
  const upMax = niceAbove(Math.max(0, ...points.map((p) => p.up ?? 0)));
  const downTop = Math.max(0, ...points.map((p) => p.down ?? 0));
  const downMax = downTop > 0 ? niceAbove(downTop) : 0;
  const frame: Frame = { width, left: props.isPlain ? 0 : 44, top: 10, floor: height - 22, water: 0 };
  frame.water = Math.round(frame.top + (frame.floor - frame.top) * 0.74);
  const from = points[0]?.t ?? 0, to = (points[points.length - 1]?.t ?? 0) + stepMs;
  const x = (t: number) => frame.left + ((t - from) / Math.max(1, to - from)) * (width - frame.left);
  const slot = ((width - frame.left) / Math.max(1, to - from)) * stepMs;
  const w = Math.max(1, slot > 4 ? slot - Math.min(2, slot * 0.24) : slot);
  const upSpan = frame.water - frame.top, downSpan = frame.floor - frame.water - 8;
  return (
    <svg class="chart" width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={props.label}>
      {!props.isPlain && <Scales frame={{ ...frame, floor: frame.floor - 8 }} upMax={upMax} downMax={downMax} show={show} />}
      {props.band && bandOf(props.band, x, frame)}
      <path class="tide" d={bars(points, x, w, (p) => p.up, (v) => { const h = Math.max(LEAST, (v / upMax) * upSpan); return [frame.water - h, h]; })} />
      <path class="buoy" d={bars(points, x, w, (p) => p.down, (v) => [frame.water + 1, Math.max(LEAST, (v / downMax) * downSpan)])} />
      <path class="water" d={`M${frame.left} ${frame.water + 0.5}H${width}`} />
      {timeTicks(from, to, width - frame.left).map(({ t, words }) => <text class="t-mid" x={Math.min(width - 16, Math.max(16, x(t)))} y={height - 4}>{words}</text>)}
      {at !== null && points[at] && <path class="cursor" d={`M${(x(points[at].t) + w / 2).toFixed(1)} ${frame.top}V${frame.floor}`} />}
    </svg>
  );
}

/** The chart of a page: bars above and below the line, figures when pointed at. */
export function Waterline(props: WaterlineProps & { isTable?: boolean }): JSX.Element {
  const [attach, width] = useWidth();
  const [at, setAt] = useState<number | null>(null);
  const left = props.isPlain ? 0 : 44;
  const slot = (width - left) / Math.max(1, props.points.length);
  const point = (event: PointerEvent) => {
    const offset = event.clientX - (event.currentTarget as HTMLElement).getBoundingClientRect().left - left;
    const index = Math.floor(offset / slot);
    setAt(index >= 0 && index < props.points.length ? index : null);
  };
  const key = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    event.preventDefault();
    setAt(Math.max(0, Math.min(props.points.length - 1, (at ?? props.points.length) + step)));
  };
  if (props.isTable) return <WaterTable props={props} />;
  const shown = at !== null ? props.points[at] : undefined;
  return (
    <div class="chartbox" ref={attach} tabIndex={0} role="group" aria-label={props.label} onPointerMove={point} onPointerLeave={() => setAt(null)} onKeyDown={key} onBlur={() => setAt(null)}>
      <div style={{ height: `${props.height ?? 220}px` }}>{width > 0 && <WaterDrawing {...props} width={width} at={at} />}</div>
      {shown && <Tip point={shown} left={Math.min(Math.max(0, left + at! * slot - 80), Math.max(0, width - 190))} props={props} />}
    </div>
  );
}

export interface LineSeries {
  label: string;
  values: readonly (number | null)[];
  kind: "tide" | "depth" | "buoy";
  isDashed?: boolean;
  isFilled?: boolean;
}

function linePath(values: readonly (number | null)[], x: (i: number) => number, y: (v: number) => number, floor: number | null): string {
  let d = "", isDown = false, start = 0;
  values.forEach((value, i) => {
    if (value === null) {
      if (isDown && floor !== null) d += `L${x(i - 1).toFixed(1)} ${floor}L${start.toFixed(1)} ${floor}z`;
      isDown = false;
      return;
    }
    if (!isDown) start = x(i);
    d += `${isDown ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
    // One value between two gaps is a dot, or nobody would see it.
    if (!isDown && (values[i + 1] ?? null) === null && floor === null) d += "h.01";
    isDown = true;
  });
  if (isDown && floor !== null) d += `L${x(values.length - 1).toFixed(1)} ${floor}L${start.toFixed(1)} ${floor}z`;
  return d;
}

interface LinesProps {
  label: string;
  times: readonly number[];
  series: readonly LineSeries[];
  height?: number;
  show: (value: number) => string;
  /** Deeper is more: the line of zero is above. */
  isDepth?: boolean;
}

/** One or two lines over time, such as how long attempts took, or how deep the queue is. */
export function Lines({ label, times, series, height = 96, show, isDepth }: LinesProps): JSX.Element {
  const [attach, width] = useWidth();
  const max = niceAbove(Math.max(0, ...series.flatMap((one) => one.values.map((v) => v ?? 0))));
  const top = isDepth ? 4 : 18, floor = height - 20;
  const x = (i: number) => (i / Math.max(1, times.length - 1)) * width;
  const y = (v: number) => (isDepth ? top + (v / max) * (floor - top) : floor - (v / max) * (floor - top));
  const zero = isDepth ? top : floor;
  const from = times[0] ?? 0, to = times[times.length - 1] ?? 1;
  return (
    <div class="chartbox" ref={attach}>
      <div style={{ height: `${height}px` }}>
        {width > 0 && (
          <svg class="chart" width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
            <path class="grid" d={`M0 ${isDepth ? floor : top}H${width}`} />
            {series.map((one) => one.isFilled && <path class={`${one.kind}-a`} d={linePath(one.values, x, y, zero)} />)}
            {series.map((one) => <path class={`${one.kind}-l${one.isDashed ? " dash" : ""}`} d={linePath(one.values, x, y, null)} />)}
            <path class="water" d={`M0 ${zero + 0.5}H${width}`} />
            <text x={0} y={isDepth ? floor - 4 : top - 5}>{show(max)}</text>
            {timeTicks(from, to, width).map(({ t, words }) => <text class="t-mid" x={Math.min(width - 16, Math.max(16, ((t - from) / Math.max(1, to - from)) * width))} y={height - 4}>{words}</text>)}
          </svg>
        )}
      </div>
    </div>
  );
}

const SPARK_W = 96, SPARK_H = 28, SPARK_WATER = 19;

/** The same picture in a row. */
export function Spark({ label, points }: { label: string; points: readonly WaterPoint[] }): JSX.Element {
  const upMax = Math.max(1e-9, ...points.map((p) => p.up ?? 0));
  const downMax = Math.max(1e-9, ...points.map((p) => p.down ?? 0));
  // In a row failures are drawn to the scale of what arrived, or one of a million would look like a wreck.
  const deepest = Math.max(downMax, upMax * 0.25);
  const slot = SPARK_W / Math.max(1, points.length);
  const x = (t: number) => points.findIndex((p) => p.t === t) * slot;
  const w = Math.max(1, slot - 1);
  return (
    <svg class="spark chart" viewBox={`0 0 ${SPARK_W} ${SPARK_H}`} role="img" aria-label={label}>
      <path class="tide" d={bars(points, x, w, (p) => p.up, (v) => { const h = Math.max(1, (v / upMax) * 18); return [SPARK_WATER - h, h]; })} />
      <path class="buoy" d={bars(points, x, w, (p) => p.down, (v) => [SPARK_WATER + 1, Math.max(LEAST, (v / deepest) * 8)])} />
      <path class="water" d={`M0 ${SPARK_WATER + 0.5}H${SPARK_W}`} />
    </svg>
  );
}

export type TryMark = "x" | "o" | "w";

/** The attempts of a delivery as marks on a rail: crosses for those that failed, a dot for success, a ring for what comes. */
export function Tries({ marks, label }: { marks: readonly TryMark[]; label: string }): JSX.Element {
  const shown = marks.slice(-8);
  const gap = shown.length > 5 ? 13 : 24;
  const x = (i: number) => 6 + i * gap;
  return (
    <svg class="chart tries" viewBox="0 0 108 16" role="img" aria-label={label}>
      {shown.length > 1 && <path class="rail" d={`M6 8H${x(shown.length - 1)}`} />}
      {shown.map((mark, i) => mark === "x" ? <path class="x" d={`m${x(i) - 3} 5 6 6m0-6-6 6`} /> : <circle class={mark} cx={x(i)} cy="8" r={mark === "o" ? 3.4 : 3} />)}
    </svg>
  );
}

/** How long something took, beside the longest of its table. */
export function DurationBar({ value, max, isBad, children }: { value: number; max: number; isBad: boolean; children: ComponentChildren }): JSX.Element {
  const width = Math.max(2, Math.min(66, (value / Math.max(1, max)) * 66));
  return (
    <span class="dur">
      <svg class="chart" viewBox="0 0 72 16" aria-hidden="true"><rect class={isBad ? "buoy" : "tide"} x="0" y="5" width={width} height="6" rx="1" /></svg>
      <span>{children}</span>
    </span>
  );
}

/** How much of something is done or used, 0 to 1. */
export function Meter({ share, isBad, label }: { share: number; isBad?: boolean; label: string }): JSX.Element {
  return (
    <svg class="meter chart" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={label}>
      <rect class={isBad ? "buoy" : "tide"} x="0" y="0" width={Math.max(0, Math.min(100, share * 100))} height="6" />
    </svg>
  );
}
