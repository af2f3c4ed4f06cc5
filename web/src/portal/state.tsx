// SPDX-License-Identifier: Apache-2.0
// How endpoints and deliveries are, as a word and a shape.
import type { JSX } from "preact";
import { when } from "../kit/format";
import { Status, type StatusName } from "../kit/status";
import type { Counts, Endpoint, Health, State } from "./model";
import { P } from "./words";

/** What is still unknown has no word: it is looked up in a moment. */
export function EndpointState({ endpoint, health, counts }: { endpoint: Endpoint; health?: Health; counts?: Counts }): JSX.Element | null {
  if (endpoint.disabled) return <Status is="disabled">{P.state.off}</Status>;
  if (!health) return null;
  if (health.status === "failing") return <Status is="failing">{P.state.failing}</Status>;
  const hasSent = !counts || counts.success > 0;
  return hasSent ? <Status is="delivered">{P.state.delivering}</Status> : <Status is="quiet">{P.state.quiet}</Status>;
}

/** Why an endpoint is off, when it was not its owner who turned it off. */
export function whyOff(endpoint: Endpoint): string {
  switch (endpoint.disabledReason) {
    case "failing": return P.problem.offFailing;
    case "gone": return P.problem.offGone;
    case "unverified": return P.problem.offUnverified;
    default: return P.problem.off;
  }
}

const LOOKS: Record<State, StatusName> = { success: "delivered", pending: "waiting", sending: "retrying", fail: "failed", canceled: "canceled" };

/** How the delivery of one event stands; one that failed and is tried again has not failed. */
export function DeliveryState({ is, nextAttempt }: { is: State; nextAttempt?: string | null }): JSX.Element {
  const isAgain = (is === "fail" || is === "sending") && !!nextAttempt && Date.parse(nextAttempt) > Date.now();
  if (isAgain) return <Status is="retrying">{P.delivery.again(when(nextAttempt!, false))}</Status>;
  return <Status is={LOOKS[is]}>{P.delivery[is]}</Status>;
}

/** Of an event, for people: the one that only tests is called that. */
export function eventName(type: string): string {
  return type === "svix.ping" ? P.state.ping : type;
}

/** "all event types", "invoice.paid" or "4 event types". */
export function typesInWords(chosen: readonly string[] | null | undefined): string {
  if (!chosen?.length) return P.endpoints.allTypes;
  return chosen.length === 1 ? chosen[0]! : P.endpoints.types(chosen.length);
}
