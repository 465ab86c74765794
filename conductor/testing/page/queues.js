/** The queues with their workers, and the calls that the server has refused. */

import { byId, fill, make, setAttribute, setText } from "./dom.js";
import { duration } from "./words.js";

/** A worker that does not poll, and has no task in hand. */
function isGone(worker) {
  return worker.lastPoll !== null && worker.running === 0;
}

/** A queue whose tasks nobody fetches: the workers are missing, or poll another name or domain. */
export function isForsaken(queue) {
  return queue.waiting > 0 && queue.workers.every(isGone);
}

export function showQueues(queues, now) {
  const sorted = [...queues].sort((one, other) => isForsaken(other) - isForsaken(one) || compare(one, other));
  const [scroll] = byId("queues").getElementsByClassName("scroll");
  scroll.hidden = queues.length === 0;
  byId("no-queues").hidden = queues.length > 0;
  fill(scroll.querySelector("tbody"), sorted, keyOf, createQueue, (row, queue) => updateQueue(row, queue, now));
  const forsaken = queues.filter(isForsaken).length;
  byId("alarm").hidden = forsaken === 0;
  const text = forsaken === 1 ? "1 queue has tasks and no worker" : `${forsaken} queues have tasks and no worker`;
  setText(byId("to-queues"), forsaken ? `✗ ${text}` : "");
}

function keyOf(queue) {
  return JSON.stringify([queue.type, queue.domain]);
}

function compare(one, other) {
  return keyOf(one) < keyOf(other) ? -1 : 1;
}

function createQueue() {
  const cells = [1, 2, 3].map(() => make("td"));
  return make("tr", {}, make("th", { scope: "row" }, make("span"), " ", make("small")), ...cells);
}

function updateQueue(row, queue, now) {
  const [head, waiting, running, workers] = row.children;
  setText(head.children[0], queue.type);
  setText(head.children[1], queue.domain ?? "");
  setText(waiting, queue.later ? `${queue.waiting} (and ${queue.later} later)` : queue.waiting);
  setText(running, queue.running);
  setAttribute(row, "class", isForsaken(queue) ? "bad" : null);
  const none = { id: "nobody polls", isNobody: true };
  fill(workers, queue.workers.length ? queue.workers : [none], (worker) => worker.id, () => make("p"), (item, worker) => {
    setText(item, workerText(worker, now));
    setAttribute(item, "class", !worker.isNobody && isGone(worker) ? "gone" : null);
  });
}

function workerText(worker, now) {
  if (worker.isNobody) return worker.id;
  const name = worker.id || "a worker without a name";
  if (worker.lastPoll === null) return `${name}: polls`;
  const since = duration(now - worker.lastPoll);
  return worker.running ? `${name}: busy, has not polled for ${since}` : `${name}: gone for ${since}`;
}

export function showErrors(errors, now) {
  byId("no-errors").hidden = errors.length > 0;
  const create = () => make("li", {}, make("p", { class: "dim" }), make("p", { class: "message" }));
  const numbered = errors.map((error, number) => ({ ...error, number }));
  fill(byId("errors").querySelector("ol"), numbered, ({ number }) => number, create, (item, error) => {
    setText(item.children[0], `${error.status} · ${duration(now - error.time)} ago`);
    setText(item.children[1], error.message);
  });
}
