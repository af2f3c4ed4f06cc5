// SPDX-License-Identifier: Apache-2.0
// A JSON Schema as a TypeScript type, for copying into a receiver. What TypeScript cannot say becomes `unknown`.
import type { Schema } from "./model";

const DEEPEST = 12;

/** invoice.paid becomes InvoicePaid. */
function typeName(eventType: string): string {
  const name = eventType.replace(/(^|[^A-Za-z0-9]+)([A-Za-z0-9])/g, (_, __, letter: string) => letter.toUpperCase());
  return /^[A-Za-z]/.test(name) ? name : `Event${name}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const SCALARS: Record<string, string> = { string: "string", integer: "number", number: "number", boolean: "boolean", null: "null" };

function propertyKey(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}

/** What a comment must not hold would end it. */
function comment(text: unknown, indent: string): string {
  return typeof text === "string" && text ? `${indent}/** ${text.replace(/\*\//g, "* /").replace(/\s+/g, " ")} */\n` : "";
}

function objectOf(schema: Record<string, unknown>, root: Schema, depth: number): string {
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  const indent = "  ".repeat(depth + 1);
  const lines = Object.entries(properties).map(([name, value]) => {
    const about = isObject(value) ? comment(value["description"], indent) : "";
    return `${about}${indent}${propertyKey(name)}${required.includes(name) ? "" : "?"}: ${typeOf(value, root, depth + 1)};\n`;
  });
  const more = schema["additionalProperties"];
  if (isObject(more)) lines.push(`${indent}[key: string]: ${lines.length ? "unknown" : typeOf(more, root, depth + 1)};\n`);
  return lines.length ? `{\n${lines.join("")}${"  ".repeat(depth)}}` : "Record<string, unknown>";
}

/** "#/$defs/x" of the same document; others are not looked up. */
function referenced(ref: string, root: Schema): unknown {
  if (!ref.startsWith("#/")) return undefined;
  return ref.slice(2).split("/").reduce<unknown>((at, step) => (isObject(at) ? at[step.replace(/~1/g, "/").replace(/~0/g, "~")] : undefined), root);
}

function union(parts: string[]): string {
  return [...new Set(parts)].join(" | ") || "unknown";
}

function typeOf(schema: unknown, root: Schema, depth: number): string {
  if (!isObject(schema) || depth > DEEPEST) return "unknown";
  const again = (one: unknown): string => typeOf(one, root, depth);
  if (typeof schema["$ref"] === "string") return typeOf(referenced(schema["$ref"], root), root, depth + 1);
  if (Array.isArray(schema["enum"])) return union(schema["enum"].map((one) => (isObject(one) || Array.isArray(one) ? "unknown" : JSON.stringify(one))));
  if ("const" in schema) return isObject(schema["const"]) || Array.isArray(schema["const"]) ? "unknown" : JSON.stringify(schema["const"]);
  const choices = schema["oneOf"] ?? schema["anyOf"];
  if (Array.isArray(choices)) return union(choices.map(again));
  if (Array.isArray(schema["allOf"])) return schema["allOf"].map(again).join(" & ") || "unknown";
  if (Array.isArray(schema["type"])) return union(schema["type"].map((one) => again({ ...schema, type: one })));
  const type = schema["type"];
  if (type === "array") {
    const item = again(schema["items"]);
    return item.includes(" ") && !item.startsWith("{") ? `(${item})[]` : `${item}[]`;
  }
  if (type === "object" || (type === undefined && isObject(schema["properties"]))) return objectOf(schema, root, depth);
  return typeof type === "string" ? SCALARS[type] ?? "unknown" : "unknown";
}

export function typescriptOf(eventType: string, schema: Schema): string {
  return `${comment(schema["description"], "")}export type ${typeName(eventType)} = ${typeOf(schema, schema, 0)};\n`;
}
