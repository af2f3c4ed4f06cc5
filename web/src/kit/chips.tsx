// SPDX-License-Identifier: Apache-2.0
// Filters as chips. A chip is a part of the address, so what one filtered can be sent to somebody.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { W } from "../words/en";
import { Icon } from "./icons";
import { bindKeys } from "./keys";
import { query, setQuery } from "./router";
import { Button, Field, Input, Select } from "./ui";

export interface FilterSpec {
  /** The member of the address. */
  name: string;
  label: string;
  /** A choice of these, or free text where there are none. */
  options?: readonly (readonly [string, string])[];
  placeholder?: string;
  hint?: string;
  /** How a value reads on the chip. */
  show?: (value: string) => string;
}

function FilterForm({ specs, onDone }: { specs: readonly FilterSpec[]; onDone: () => void }): JSX.Element {
  const [name, setName] = useState(specs[0]!.name);
  const spec = specs.find((one) => one.name === name) ?? specs[0]!;
  const [value, setValue] = useState("");
  const current = value || (spec.options?.[0]?.[0] ?? "");
  const apply = () => {
    if (!current) return;
    setQuery({ [spec.name]: current, iterator: null });
    onDone();
  };
  return (
    <form class="menu filterform" onSubmit={(event) => { event.preventDefault(); apply(); }}>
      <Select label={W.filter.add} value={name} options={specs.map((one) => [one.name, one.label] as const)} onValue={(next) => { setName(next); setValue(""); }} />
      <Field label={W.filter.value} hint={spec.hint}>
        {spec.options ? <Select value={current} options={spec.options} onValue={setValue} /> : <Input value={value} onValue={setValue} placeholder={spec.placeholder} />}
      </Field>
      <Button kind="primary" type="submit" disabled={!current}>{W.filter.apply}</Button>
    </form>
  );
}

export function Chips({ specs }: { specs: readonly FilterSpec[] }): JSX.Element {
  const box = useRef<HTMLDetailsElement>(null);
  const [turn, setTurn] = useState(0);
  const active = specs.filter((spec) => query.value.has(spec.name));
  const free = specs.filter((spec) => !query.value.has(spec.name));
  useEffect(() => bindKeys({ f: () => box.current && ((box.current.open = true), box.current.querySelector("select")?.focus()) }), []);
  useEffect(() => {
    const close = (event: Event) => {
      const details = box.current;
      if (!details?.open || (event instanceof KeyboardEvent ? event.key !== "Escape" : details.contains(event.target as Node))) return;
      details.open = false;
    };
    addEventListener("pointerdown", close);
    addEventListener("keydown", close);
    return () => {
      removeEventListener("pointerdown", close);
      removeEventListener("keydown", close);
    };
  }, []);
  const done = () => {
    if (box.current) box.current.open = false;
    setTurn((n) => n + 1);
  };
  return (
    <>
      {active.map((spec) => {
        const value = query.value.get(spec.name) ?? "";
        const shown = spec.show?.(value) ?? spec.options?.find(([key]) => key === value)?.[1] ?? value;
        return (
          <span class="chip">
            {spec.label} <b><bdi class="trunc">{shown}</bdi></b>
            <button type="button" aria-label={W.filter.remove(spec.label)} onClick={() => setQuery({ [spec.name]: null, iterator: null })}><Icon name="x" small /></button>
          </span>
        );
      })}
      {free.length > 0 && (
        <details class="menubox" ref={box}>
          <summary class="chip add"><Icon name="plus" small />{W.filter.add}<kbd class="kbd" aria-hidden="true">f</kbd></summary>
          <FilterForm key={`${turn}${free[0]!.name}`} specs={free} onDone={done} />
        </details>
      )}
    </>
  );
}
