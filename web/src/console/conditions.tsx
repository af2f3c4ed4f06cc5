// SPDX-License-Identifier: Apache-2.0
// A filter, condition by condition: which held, which did not, and what stood there.
import type { JSX } from "preact";
import { Icon } from "../kit";
import { C } from "../words/console_delivery";
import type { FilterCondition, FilterExplanation } from "./types";

function Condition({ one }: { one: FilterCondition }): JSX.Element {
  const tone = one.result === "true" ? "c-ok" : one.result === "false" ? "c-no" : "c-un";
  const icon = one.result === "true" ? "ok" : one.result === "false" ? "fail" : "off";
  return (
    <li class={tone}>
      <Icon name={icon} small class={one.result === "true" ? "good" : one.result === "false" ? "bad" : ""} />
      <span class="sr">{C.conditions.result[one.result]}</span>
      {one.path && <code><bdi>{one.path}</bdi></code>}
      <span class="op">{C.conditions.operator[one.operator] ?? one.operator}</span>
      {one.operand !== undefined && <code><bdi>{JSON.stringify(one.operand)}</bdi></code>}
      {!one.of && <span class="was">{one.value === undefined ? C.conditions.absent : <>{C.conditions.was} <code><bdi>{JSON.stringify(one.value)}</bdi></code></>}</span>}
      {one.of && <ol class="conds inner">{one.of.map((inner) => <Condition one={inner} />)}</ol>}
    </li>
  );
}

export function Conditions({ filter }: { filter: FilterExplanation }): JSX.Element {
  return <ol class="conds">{filter.conditions.map((one) => <Condition one={one} />)}</ol>;
}
