/** The task that is open: its state, its tries, its input, output and log. */

import { byId, make, setAttribute, setText } from "./dom.js";
import { showFacts, showJson } from "./facts.js";
import { link } from "./place.js";
import { clock, duration, kindOf, markOf, moment, statusText } from "./words.js";

const BY_HAND = ["WAIT", "HUMAN"];
const OPEN = ["SCHEDULED", "IN_PROGRESS"];

/** Whether a person may complete the task on this page. */
export function isByHand(task) {
  return BY_HAND.includes(task.type) && OPEN.includes(task.status);
}

export class TaskPanel {
  /** complete: called with a task of the workflow that is to be completed. */
  constructor(complete) {
    this.task = null;
    this.title = make("h3", { id: "task-title", tabindex: "-1" });
    this.status = make("p", { class: "state" });
    this.button = make("button", { type: "button", click: () => complete(this.task) }, "Complete…");
    this.facts = make("dl");
    this.reason = make("p", { class: "reason bad" });
    this.values = make("div");
    this.closing = make("a", { class: "close" }, "Close the task");
    const head = make("div", { class: "head" }, this.title, this.status, this.button, this.closing);
    this.element = make(
      "section", { id: "task", "aria-labelledby": "task-title" }, head, this.reason, this.facts, this.values,
    );
  }

  /** tasks: of its workflow. details: the task with its input, output and log, as soon as they are there. */
  show(task, tasks, details, { actions, now }) {
    this.task = task;
    setText(this.title, `Task ${task.ref}`);
    setAttribute(this.status, "class", `state ${kindOf(task.status)}`);
    setText(this.status, `${markOf(task.status)} ${statusText(task.status)}`);
    this.button.hidden = !(actions && isByHand(task));
    setAttribute(this.closing, "href", link({ task: "" }));
    this.reason.hidden = !task.reason;
    setText(this.reason, task.reason);
    showFacts(this.facts, factsOf(task, tasks, details, now));
    const values = details ? [["Input", details.input], ["Output", details.output], ["Log", logText(details.log)]] : [];
    showJson(this.values, values);
  }
}

function factsOf(task, tasks, details, now) {
  const others = tasks.filter((each) => each.ref === task.ref);
  const tries = others.map((each, number) => {
    const text = `${number + 1}: ${statusText(each.status)}`;
    return each.id === task.id ? { text: `${text} (this one)` } : { text, href: link({ task: each.id }) };
  });
  const end = task.end || now;
  return [
    ["type", task.type === task.name ? task.type : `${task.type}, ${task.name}`],
    ["task id", task.id],
    ["tries", others.length > 1 ? tries : null],
    ["retries", details?.retryCount === undefined ? task.retries || null : `${task.retries} of ${details.retryCount}`],
    ["iteration", task.iteration || null],
    ["worker", task.worker],
    ["domain", task.domain],
    ["polls", task.polls || null],
    ["queued", moment(task.scheduled)],
    ["started", task.start ? `${moment(task.start)}, after ${duration(task.start - task.scheduled)}` : null],
    ["ended", task.end ? `${moment(task.end)}, after ${duration(end - (task.start || task.scheduled))}` : null],
    ["child", task.child ? { text: task.child, href: link({ workflow: task.child }) } : null],
  ];
}

function logText(log) {
  return log.map((entry) => `${clock(entry.createdTime)}  ${entry.log}`).join("\n");
}

/** Put the focus on the title of the open task. */
export function focusTask() {
  byId("task-title")?.focus();
}
