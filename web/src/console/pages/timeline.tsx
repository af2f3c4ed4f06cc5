// SPDX-License-Identifier: Apache-2.0
// What happened to a message, in the order of time.
import type { JSX } from "preact";
import { clockExact, duration, exact, Icon, Panel, relative, when, zoneName, type IconName } from "../../kit";
import { C } from "../../words/console_delivery";
import { endpointName } from "../common";
import type { ExplainedAttempt, ExplainedEndpoint, Message, MessageExplanation } from "../types";

interface Step {
  at: string;
  icon: IconName;
  tone: "" | "good" | "bad";
  title: string;
  detail: JSX.Element | string;
  isNext?: boolean;
}

function attemptDetail(attempt: ExplainedAttempt): string {
  const took = duration(attempt.responseDurationMs);
  const what = attempt.responseStatusCode ? C.message.after(attempt.responseStatusCode, took) : C.message.noAnswerAfter(took, attempt.errorDetail ?? attempt.error ?? "");
  return attempt.triggerType === 1 ? `${what}, ${C.message.byHand}` : what;
}

function attemptSteps(one: ExplainedEndpoint): Step[] {
  return (one.delivery?.attempts ?? []).map((attempt) => ({
    at: attempt.timestamp,
    icon: attempt.success ? "ok" : "fail",
    tone: attempt.success ? "good" : "bad",
    title: endpointName(one),
    detail: <bdi>{attemptDetail(attempt)}</bdi>,
  }));
}

function nextStep(one: ExplainedEndpoint): Step[] {
  const next = one.delivery?.nextAttempt;
  if (!next) return [];
  return [{ at: next, icon: "wait", tone: "", title: endpointName(one), detail: one.delivery?.waitsFor[0]?.words ?? C.message.nextTry, isNext: true }];
}

const STEPS_AT_MOST = 60;

export function WhatHappened({ message, explained }: { message: Message; explained: MessageExplanation }): JSX.Element {
  const first: Step[] = [{ at: message.timestamp, icon: "doc", tone: "", title: C.message.acceptedStep, detail: message.eventId ? <bdi>{C.message.withKey(message.eventId)}</bdi> : C.message.matchedTo(explained.wantedThenCount ?? 0) }];
  const tried = explained.data.flatMap(attemptSteps).sort((a, b) => a.at.localeCompare(b.at));
  const next = explained.data.flatMap(nextStep).sort((a, b) => a.at.localeCompare(b.at));
  const steps = [...first, ...tried, ...next].slice(0, STEPS_AT_MOST);
  return (
    <Panel title={C.message.what} actions={<span class="muted">{zoneName()}</span>}>
      <div class="body">
        <ol class="tl">
          {steps.map((step) => (
            <li class={step.isNext ? "next" : ""}>
              <span class={`pt ${step.tone}`}><Icon name={step.icon} small /></span>
              <div>
                <span class="row"><b class="grow trunc"><bdi>{step.title}</bdi></b><time dateTime={step.at} title={exact(step.at)}>{step.isNext ? relative(step.at) : sameDay(step.at, message.timestamp) ? clockExact(step.at) : when(step.at)}</time></span>
                <span class="l2">{step.detail}</span>
              </div>
            </li>
          ))}
        </ol>
      </div>
    </Panel>
  );
}

function sameDay(a: string, b: string): boolean {
  return new Date(a).toDateString() === new Date(b).toDateString();
}
