// SPDX-License-Identifier: Apache-2.0
// What is wrong with an endpoint, in the words of somebody who runs a server: what it answers, and what to do.
import { when } from "../kit/format";
import type { Attempt } from "./model";
import { P } from "./words";

const REASONS: Record<number, string> = {
  301: "Moved Permanently", 302: "Found", 307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized",
  403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 409: "Conflict", 410: "Gone", 413: "Content Too Large",
  415: "Unsupported Media Type", 422: "Unprocessable Content", 429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway",
  503: "Service Unavailable", 504: "Gateway Timeout", 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content",
};

/** "404 Not Found": names are ours, since HTTP/2 has none and a receiver's own could say anything. */
export function statusInWords(status: number): string {
  return REASONS[status] ? `${status} ${REASONS[status]}` : String(status);
}

/** What to do about an attempt that failed. */
export function adviceFor(attempt: Attempt): string {
  const advice = P.problem.advice, status = attempt.responseStatusCode;
  if (!status) {
    switch (attempt.error) {
      case "dns": return advice.dns;
      case "address": case "bad_url": return advice.address;
      case "connect": case "connect_timeout": return advice.connect;
      case "tls": return advice.tls;
      case "timeout": return advice[408];
      case "closed": return advice.closed;
      case "protocol": case "too_large": return advice.protocol;
      default: return advice.other;
    }
  }
  if (status >= 500) return status === 504 ? advice[408] : advice.server;
  if (status >= 300 && status < 400) return advice.redirect;
  switch (status) {
    case 401: case 403: case 407: return advice.auth;
    case 404: return advice[404];
    case 405: return advice[405];
    case 408: return advice[408];
    case 410: return advice.gone;
    case 413: return advice[413];
    case 429: return advice[429];
    default: return status >= 400 ? advice[400] : advice.other;
  }
}

/** Why there was no answer, in the server's words. */
export function whyNoAnswer(attempt: Attempt): string {
  return attempt.errorDetail || attempt.error || attempt.response;
}

/** "Bookkeeping has answered 404 Not Found since 09:12." */
export function problemInWords(who: string, attempt: Attempt | null, since: string | null | undefined): string {
  const what = !attempt
    ? P.problem.failing(who)
    : attempt.responseStatusCode
      ? P.problem.answered(who, statusInWords(attempt.responseStatusCode))
      : P.problem.noAnswer(who, whyNoAnswer(attempt));
  return since ? P.problem.since(what, when(since, false)) : `${what}.`;
}
