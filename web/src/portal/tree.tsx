// SPDX-License-Identifier: Apache-2.0
// Choosing event types: grouped as the operator groups them, or by what stands before the last dot; searched by name
// and description. Nothing chosen means all.
import type { JSX } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { type EventType, Icon } from "./common";
import { M } from "./words-more";

export interface Group {
  name: string;
  types: EventType[];
}

function groupOf(type: EventType): string {
  return type.groupName || type.name.split(".").slice(0, -1).join(".") || type.name;
}

/** In the order of their names; what the words do not fit to is left out. */
export function grouped(types: readonly EventType[], words = ""): Group[] {
  const wanted = words.trim().toLowerCase();
  const groups = new Map<string, EventType[]>();
  for (const type of types) {
    if (wanted && !`${type.name} ${type.description} ${groupOf(type)}`.toLowerCase().includes(wanted)) continue;
    const name = groupOf(type);
    groups.set(name, [...(groups.get(name) ?? []), type]);
  }
  return [...groups].map(([name, list]) => ({ name, types: list.sort((a, b) => a.name.localeCompare(b.name)) })).sort((a, b) => a.name.localeCompare(b.name));
}

/** A box that can be ticked in part, which is no attribute but a property. */
function Box({ all, some, label, onChange }: { all: boolean; some: boolean; label: string; onChange: (on: boolean) => void }): JSX.Element {
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (box.current) box.current.indeterminate = some && !all;
  }, [some, all]);
  return (
    <label class="check grow">
      <input ref={box} type="checkbox" checked={all} onChange={(event) => onChange(event.currentTarget.checked)} />
      <code class="trunc">{label}</code>
    </label>
  );
}

interface TreeProps {
  types: readonly EventType[];
  chosen: ReadonlySet<string>;
  onChange: (chosen: ReadonlySet<string>) => void;
}

function Branch({ group, chosen, isOpen, onToggle, onPick }: { group: Group; chosen: ReadonlySet<string>; isOpen: boolean; onToggle: () => void; onPick: (names: string[], on: boolean) => void }): JSX.Element {
  const names = group.types.map((type) => type.name);
  const picked = names.filter((name) => chosen.has(name)).length;
  return (
    <li>
      <div class="node l0">
        <button type="button" class="tw" aria-expanded={isOpen} aria-label={isOpen ? M.form.fold(group.name) : M.form.unfold(group.name)} onClick={onToggle}>
          <Icon name={isOpen ? "down" : "right"} small />
        </button>
        <Box all={picked === names.length} some={picked > 0} label={group.name} onChange={(on) => onPick(names, on)} />
        <span class="muted n">{M.form.ofGroup(picked, names.length)}</span>
      </div>
      {isOpen && (
        <ul>
          {group.types.map((type) => (
            <li class="node l1" key={type.name}>
              <label class="check grow">
                <input type="checkbox" checked={chosen.has(type.name)} onChange={(event) => onPick([type.name], event.currentTarget.checked)} />
                <code>{type.name}</code>
                <bdi class="muted trunc only-lg" title={type.description}>{type.description}</bdi>
              </label>
            </li>
          ))}
        </ul>
      )}
    </li>
  );
}

export function TypeTree({ types, chosen, onChange }: TreeProps): JSX.Element {
  const [words, setWords] = useState("");
  const [turned, setTurned] = useState<ReadonlySet<string>>(new Set());
  const id = useId();
  const groups = grouped(types, words);
  const isSmall = types.length <= 8;
  // Open from the start where there is little, where something is chosen and where the search has found it.
  const isOpenByItself = (group: Group): boolean => isSmall || !!words || group.types.some((type) => chosen.has(type.name));
  const pick = (names: string[], on: boolean): void => {
    const next = new Set(chosen);
    for (const name of names) on ? next.add(name) : next.delete(name);
    onChange(next);
  };
  const toggle = (name: string): void => {
    const next = new Set(turned);
    if (!next.delete(name)) next.add(name);
    setTurned(next);
  };
  if (!types.length) return <p class="hint">{M.form.typesMissing}</p>;
  return (
    <fieldset class="field" aria-describedby={id}>
      <legend class="row legendrow"><span class="grow label">{M.form.types}</span><span class="muted" role="status">{chosen.size ? M.form.typesOf(chosen.size, types.length) : M.form.typesAll}</span></legend>
      <div class="treebox">
        <span class="tfind"><Icon name="search" /><input type="search" value={words} placeholder={M.form.typesSearch} aria-label={M.form.typesSearch} onInput={(event) => setWords(event.currentTarget.value)} /></span>
        <ul class="tree">
          {groups.map((group) => (
            <Branch key={group.name} group={group} chosen={chosen} isOpen={isOpenByItself(group) !== turned.has(group.name)} onToggle={() => toggle(group.name)} onPick={pick} />
          ))}
          {!groups.length && <li class="hint nohit" role="status">{M.form.typesNone}</li>}
        </ul>
      </div>
      <small id={id}>{M.form.typesHint}</small>
    </fieldset>
  );
}
