/** Each try of each task as a bar: thin for the time in the queue, full for the time in which it ran. */

import { fill, make, setAttribute, setText } from "./dom.js";
import { link, place } from "./place.js";
import { duration, kindOf, markOf, statusText } from "./words.js";

const MOST = 200; // rows; further tasks are counted
const NARROWEST = 0.4; // percent of the width, so that a task without duration can be seen

export function showTimeline(list, rest, workflow, tasks, now) {
  const shown = tasks.slice(0, MOST);
  const spans = new Map(shown.map((task) => [task.id, spanOf(task, now)]));
  const start = Math.min(workflow.start, ...[...spans.values()].map((span) => span.queued));
  const end = Math.max(start + 1, workflow.end || now, ...[...spans.values()].map((span) => span.ended));
  fill(list, shown, (task) => task.id, create, (item, task) => update(item, task, spans.get(task.id), start, end));
  rest.hidden = tasks.length <= MOST;
  setText(rest, `… and ${tasks.length - MOST} more tasks`);
}

function create() {
  const track = make("span", { class: "track", "aria-hidden": "true" }, make("i", { class: "queued" }), make("i", { class: "ran" }));
  const mark = make("span", { class: "mark", "aria-hidden": "true" });
  const texts = [make("span", { class: "ref" }), make("span", { class: "unseen" })];
  return make("li", {}, make("a", { class: "task" }, mark, ...texts, track, make("span", { class: "took" })));
}

function update(item, task, span, start, end) {
  const anchor = item.firstElementChild;
  const [mark, ref, status, track, took] = anchor.children;
  setAttribute(anchor, "class", `task ${kindOf(task.status)}`);
  setAttribute(anchor, "href", link({ task: task.id }));
  setAttribute(anchor, "aria-current", place().task === task.id ? "true" : null);
  setAttribute(anchor, "title", hint(task, span));
  setText(mark, markOf(task.status));
  setText(ref, task.retries ? `${task.ref}, retry ${task.retries}` : task.ref);
  setText(status, `, ${statusText(task.status)}, `);
  setText(took, duration(span.ended - span.queued));
  const scale = 100 / (end - start);
  const [queued, ran] = track.children;
  draw(queued, (span.queued - start) * scale, (span.started - span.queued) * scale, 0);
  ran.hidden = !task.start;
  draw(ran, (span.started - start) * scale, (span.ended - span.started) * scale, NARROWEST);
}

function draw(bar, left, width, narrowest) {
  const from = Math.min(Math.max(left, 0), 100 - NARROWEST);
  bar.style.left = `${from.toFixed(2)}%`;
  bar.style.width = `${Math.min(Math.max(width, narrowest), 100 - from).toFixed(2)}%`;
}

/** The times at which a task was queued, started and ended, always in this order. */
function spanOf(task, now) {
  const ended = task.end || now;
  const queued = Math.min(task.scheduled || ended, ended);
  const started = Math.min(Math.max(task.start || ended, queued), ended);
  return { queued, started, ended };
}

function hint(task, span) {
  const lines = [`${task.name}: ${statusText(task.status)}`];
  lines.push(`queued ${duration(span.started - span.queued)}, ran ${duration(span.ended - span.started)}`);
  if (task.worker) lines.push(`worker: ${task.worker}`);
  if (task.reason) lines.push(task.reason);
  return lines.join("\n");
}
