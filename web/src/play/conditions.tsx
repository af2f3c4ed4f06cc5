// SPDX-License-Identifier: Apache-2.0
// A filter, condition by condition: which held, which did not, and what stood there.
import type { JSX } from "preact";
import { Icon } from "../kit/icons";
import { conditions as C } from "../words/play";

type Value = null | boolean | number | string | Value[] | { [key: string]: Value };

export interface FilterCondition {
  path: string;
  operator: string;
  operand?: Value;
  value?: Value;
  result: "true" | "false" | "unknown";
  of?: FilterCondition[];
}

export interface FilterExplanation {
  matches: boolean;
  conditions: FilterCondition[];
}

function Condition({ one }: { one: FilterCondition }): JSX.Element {
  const tone = one.result === "true" ? "c-ok" : one.result === "false" ? "c-no" : "c-un";
  const icon = one.result === "true" ? "ok" : one.result === "false" ? "fail" : "off";
  return (
    <li class={tone}>
      <Icon name={icon} small class={one.result === "true" ? "good" : one.result === "false" ? "bad" : ""} />
      <span class="sr">{C.result[one.result]}</span>
      {one.path && <code><bdi>{one.path}</bdi></code>}
      <span class="op">{C.operator[one.operator] ?? one.operator}</span>
      {one.operand !== undefined && <code><bdi>{JSON.stringify(one.operand)}</bdi></code>}
      {!one.of && <span class="was">{one.value === undefined ? C.absent : <>{C.was} <code><bdi>{JSON.stringify(one.value)}</bdi></code></>}</span>}
      {one.of && <ol class="conds inner">{one.of.map((inner) => <Condition one={inner} />)}</ol>}
    </li>
  );
}

export function Conditions({ filter }: { filter: FilterExplanation }): JSX.Element {
  return <ol class="conds">{filter.conditions.map((one) => <Condition one={one} />)}</ol>;
}
