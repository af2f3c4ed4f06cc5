// SPDX-License-Identifier: Apache-2.0
// What can happen: the event types, what each means, and what its content looks like.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { JsonTree } from "../kit/json";
import { Copy, Empty, ErrorPanel, type EventType, eventTypes, Icon, Input, latestSchema, Link, LinkButton, may, P, Panel, type Schema, Select, SkelLines, Tag, useLoad } from "./common";
import { grouped } from "./tree";
import { typescriptOf } from "./typescript";
import { M } from "./words-more";

export function CataloguePage(): JSX.Element {
  const [words, setWords] = useState("");
  const types = useLoad("types", eventTypes);
  if (types.error && !types.data) return <ErrorPanel error={types.error} onRetry={types.reload} />;
  if (!types.data) return types.isSlow ? <SkelLines /> : <div />;
  if (!types.data.length) return <Empty art="line" title={M.types.empty}>{M.types.emptyMore}</Empty>;
  const groups = grouped(types.data, words);
  return (
    <>
      <div class="phd">
        <div class="grow"><h1>{M.types.title}</h1><p class="soft">{M.types.lead}</p></div>
        <span class="typefind"><Input type="search" value={words} onValue={setWords} placeholder={M.types.search} aria-label={M.types.search} data-search="" /></span>
      </div>
      <div class="stack" role="status">
        {groups.map((group) => (
          <Panel key={group.name} class="clip" title={<code>{group.name}</code>}>
            <ul class="typelist">
              {group.types.map((type) => (
                <li key={type.name}>
                  <Link to={`/event-types/${encodeURIComponent(type.name)}`}><code>{type.name}</code></Link>
                  <bdi class="soft grow">{type.description}</bdi>
                  {type.deprecated && <Tag mono={false}>{M.types.deprecated}</Tag>}
                </li>
              ))}
            </ul>
          </Panel>
        ))}
        {!groups.length && <Empty art="line" title={M.types.noMatch} />}
      </div>
    </>
  );
}

export function EventTypePage({ name }: { name: string }): JSX.Element {
  const types = useLoad("types", eventTypes);
  if (types.error && !types.data) return <ErrorPanel error={types.error} onRetry={types.reload} />;
  if (!types.data) return types.isSlow ? <SkelLines /> : <div />;
  const type = types.data.find((one) => one.name === name);
  if (!type) return <Empty art="broken" title={P.notFound.title} actions={<LinkButton to="/event-types">{M.types.back}</LinkButton>}>{P.notFound.more}</Empty>;
  return (
    <>
      <div class="phd">
        <div class="grow">
          <p class="crumb"><Link to="/event-types"><Icon name="left" small />{M.types.back}</Link></p>
          <div class="row gap-3 wrap"><h1><code>{type.name}</code></h1>{type.deprecated && <Tag mono={false}>{M.types.deprecated}</Tag>}</div>
          <p class="soft"><bdi>{type.description}</bdi></p>
        </div>
        {may("ManageEndpoint") && <LinkButton icon="plus" to={`/endpoints/new?type=${encodeURIComponent(type.name)}`}>{M.types.subscribe}</LinkButton>}
      </div>
      <Content type={type} />
    </>
  );
}

function Content({ type }: { type: EventType }): JSX.Element {
  const latest = latestSchema(type);
  const [version, setVersion] = useState(latest?.version ?? "");
  const schema: Schema | undefined = type.schemas?.[version];
  if (!latest || !schema) return <Panel><p class="body soft">{M.types.noSchema}</p></Panel>;
  const versions = Object.keys(type.schemas!);
  const { examples, ...rest } = schema;
  const example = examples?.[0] === undefined ? null : JSON.stringify(examples[0], null, 2);
  const text = JSON.stringify(rest, null, 2);
  return (
    <>
      {versions.length > 1 && <label class="row versionrow"><span class="soft">{M.types.version}</span><Select value={version} onValue={setVersion} options={versions.map((one) => [one, one] as const)} /></label>}
      <div class="mgrid message">
        <div class="stack">
          {example !== null && <Panel class="clip" title={M.types.example} actions={<Copy text={example} label={M.types.copyJson} />}><JsonTree text={example} label={M.types.example} /></Panel>}
          <Panel class="clip" title="TypeScript" actions={<Copy text={() => typescriptOf(type.name, schema)} label={M.types.copyTs} />}>
            <pre class="pre snippet" tabIndex={0} role="region" aria-label="TypeScript">{typescriptOf(type.name, schema)}</pre>
          </Panel>
        </div>
        <Panel class="clip" title={M.types.schema} actions={<Copy text={text} label={M.types.copySchema} />}><JsonTree text={text} label={M.types.schema} /></Panel>
      </div>
    </>
  );
}
