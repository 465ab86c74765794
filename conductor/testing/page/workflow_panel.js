/** The workflow that is open: its diagram, its tasks, its parent and its children, and what can be done with it. */

import { read } from "./api.js";
import { Diagram } from "./diagram.js";
import { byId, fill, make, setAttribute, setText } from "./dom.js";
import { showFacts, showJson } from "./facts.js";
import { link } from "./place.js";
import { isByHand, TaskPanel } from "./task_panel.js";
import { showTimeline } from "./timeline.js";
import { duration, kindOf, markOf, moment, statusText } from "./words.js";

const CAN_RETRY = ["FAILED", "TIMED_OUT", "TERMINATED"];
const CAN_TERMINATE = ["RUNNING", "PAUSED"];

/** One workflow, from the moment when it is opened until another one is. */
export class WorkflowPanel {
  /** ask: {retry(workflow), terminate(workflow), complete(task, workflow)}, called when a person asks for it. */
  constructor(id, ask) {
    this.id = id;
    this.ask = ask;
    this.since = "";
    this.workflow = null;
    this.values = {};
    this.tasks = new Map();
    this.details = null; // of the open task
    this.detailsSince = "";
    this.taskPanel = new TaskPanel((task) => ask.complete(task, this.workflow));
    this.build();
  }

  build() {
    const section = byId("workflow");
    this.title = make("h2", { id: "workflow-title", tabindex: "-1" }, "…");
    this.status = make("p", { class: "state" });
    this.retry = make("button", { type: "button", click: () => this.ask.retry(this.workflow) }, "Retry");
    this.terminate = make("button", { type: "button", click: () => this.ask.terminate(this.workflow) }, "Terminate…");
    this.closing = make("a", { class: "close", href: link({ workflow: "" }) }, "Close the workflow");
    this.reason = make("p", { class: "reason bad" });
    this.waiting = make("ul", { class: "plain waiting" });
    this.facts = make("dl");
    this.json = make("section", { "aria-label": "Input and output" });
    this.drawing = make("section", { "aria-labelledby": "diagram-title" }, make("h3", { id: "diagram-title" }, "Diagram"));
    this.timeline = make("ol", { class: "plain timeline" });
    this.rest = make("p", { class: "dim" });
    const head = make("div", { class: "head" }, this.title, this.status, this.retry, this.terminate, this.closing);
    const columns = make("div", { class: "columns" }, this.drawing, make("div", {}, this.taskPanel.element, this.json));
    const tasks = make("section", { "aria-labelledby": "tasks-title" }, make("h3", { id: "tasks-title" }, "Tasks"));
    tasks.append(this.timeline, this.rest);
    section.replaceChildren(head, this.reason, this.waiting, this.facts, columns, tasks);
    for (const button of [this.retry, this.terminate]) button.hidden = true;
    this.taskPanel.element.hidden = true;
    section.hidden = false;
  }

  /** Read what has changed. taskId: of the open task, or empty. */
  async refresh(taskId) {
    let answer = await read(`workflow/${encodeURIComponent(this.id)}`, { since: this.since });
    this.take(answer);
    if (this.tasks.size !== answer.total) {
      answer = await read(`workflow/${encodeURIComponent(this.id)}`); // tasks were removed, as a restart does
      this.take(answer);
    }
    if (this.details?.id !== taskId) {
      this.details = null;
      this.detailsSince = "";
    }
    if (this.tasks.has(taskId)) {
      const task = await read(`task/${encodeURIComponent(taskId)}`, { since: this.detailsSince });
      this.detailsSince = task.since;
      if (task.changed) this.details = task.changed;
    }
    return answer.now;
  }

  take(answer) {
    this.since = answer.since;
    if (answer.full) this.tasks.clear();
    if (answer.definition) {
      this.diagram = new Diagram(answer.definition);
      this.drawing.replaceChildren(this.drawing.firstElementChild, this.diagram.element);
    }
    if (answer.workflow) this.workflow = answer.workflow;
    if (answer.values) this.values = answer.values;
    for (const task of answer.tasks) this.tasks.set(task.id, task);
  }

  show(taskId, { actions, now }) {
    const { workflow } = this;
    const tasks = [...this.tasks.values()].sort((one, other) => one.number - other.number);
    setText(this.title, workflow.name);
    setAttribute(this.status, "class", `state ${kindOf(workflow.status)}`);
    setText(this.status, `${markOf(workflow.status)} ${statusText(workflow.status)}`);
    this.retry.hidden = !(actions && CAN_RETRY.includes(workflow.status));
    this.terminate.hidden = !(actions && CAN_TERMINATE.includes(workflow.status));
    this.reason.hidden = !workflow.reason;
    setText(this.reason, workflow.reason);
    this.showWaiting(tasks.filter(isByHand), actions);
    showFacts(this.facts, factsOf(workflow, tasks, now));
    this.diagram.update(tasks);
    showTimeline(this.timeline, this.rest, workflow, tasks, now);
    const task = this.tasks.get(taskId);
    this.taskPanel.element.hidden = !task;
    this.json.hidden = Boolean(task);
    if (task) this.taskPanel.show(task, tasks, this.details, { actions, now });
    else showJson(this.json, jsonOf(this.values));
  }

  showWaiting(tasks, actions) {
    const create = (task) => {
      const button = make("button", { type: "button", click: () => this.ask.complete(task, this.workflow) }, "Complete…");
      return make("li", {}, make("a", {}, task.ref), " waits for an answer. ", button);
    };
    fill(this.waiting, tasks, (task) => task.id, create, (item, task) => {
      setAttribute(item.firstElementChild, "href", link({ task: task.id }));
      item.lastElementChild.hidden = !actions;
      setAttribute(item.lastElementChild, "aria-label", `Complete ${task.ref}…`);
    });
  }
}

function factsOf(workflow, tasks, now) {
  const { parent } = workflow;
  const children = tasks.filter((task) => task.child);
  const asLink = (task) => ({ text: `${task.ref}: ${statusText(task.status)}`, href: link({ workflow: task.child }) });
  return [
    ["version", workflow.version],
    ["workflow id", workflow.id],
    ["correlation id", workflow.correlationId],
    ["started", moment(workflow.start)],
    [workflow.end ? "took" : "runs for", duration((workflow.end || now) - workflow.start)],
    ["parent", parent ? { text: `${parent.name} ${parent.id}`, href: link({ workflow: parent.id }) } : null],
    ["children", children.map(asLink)],
  ];
}

function jsonOf(values) {
  return [["Input", values.input], ["Output", values.output], ["Variables", values.variables]];
}
