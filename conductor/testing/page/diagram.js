/**
 * The diagram of a definition: a sequence is a list, a fork is a list of sequences, a loop is a frame around one. So it
 * reads in the right order without its lines too.
 */

import { fill, make, setAttribute, setText } from "./dom.js";
import { link, place } from "./place.js";
import { kindOf, markOf, statusText } from "./words.js";

/** Draw a definition without any task. Returns the drawing; `update` shows the tasks in it. */
export class Diagram {
  constructor(definition) {
    this.nodes = new Map(); // the node of each reference name
    this.dynamic = new Map(); // the branches of each fork that is made at run time, by its reference name
    this.others = make("ol", { class: "sequence" });
    this.othersTitle = make("h4", { hidden: true }, "Tasks that are not in the definition");
    this.element = make("div", { class: "diagram" }, this.sequence(definition.tasks ?? []), this.othersTitle, this.others);
  }

  update(tasks) {
    const tries = new Map();
    for (const task of tasks) tries.set(task.base, [...(tries.get(task.base) ?? []), task]);
    for (const [ref, node] of this.nodes) show(node, tries.get(ref) ?? []);
    const loose = [...tries.entries()].filter(([base]) => !this.nodes.has(base));
    for (const [ref, branches] of this.dynamic) {
      const made = new Set((tries.get(ref) ?? []).flatMap((task) => task.forked ?? []));
      const isMade = ([base, found]) => made.has(base) || found.some((task) => made.has(task.ref));
      fillLoose(branches, loose.filter(isMade));
      for (const each of loose.filter(isMade)) loose.splice(loose.indexOf(each), 1);
    }
    this.othersTitle.hidden = loose.length === 0;
    fillLoose(this.others, loose);
  }

  sequence(steps) {
    return make("ol", { class: "sequence" }, ...steps.map((step) => this.step(step)));
  }

  step(step) {
    const node = createNode(step.taskReferenceName, step.type);
    this.nodes.set(step.taskReferenceName, node);
    return make("li", {}, node, this.inside(step));
  }

  inside(step) {
    switch (step.type) {
      case "FORK_JOIN":
        return this.branches(step.forkTasks.map((steps, number) => [`branch ${number + 1}`, steps]));
      case "FORK_JOIN_DYNAMIC": {
        const branches = make("ul", { class: "branches" });
        this.dynamic.set(step.taskReferenceName, branches);
        return branches;
      }
      case "SWITCH":
      case "DECISION": {
        const cases = Object.entries(step.decisionCases ?? {}).map(([name, steps]) => [`case ${name}`, steps]);
        return this.branches([...cases, ["otherwise", step.defaultCase ?? []]]);
      }
      case "DO_WHILE":
        return make("div", { class: "loop" }, make("p", { class: "dim" }, loopText(step)), this.sequence(step.loopOver ?? []));
      default:
        return null;
    }
  }

  branches(named) {
    const draw = ([name, steps]) => make("li", {}, make("p", { class: "dim" }, name), this.sequence(steps));
    return make("ul", { class: "branches" }, ...named.map(draw));
  }
}

function loopText(step) {
  return step.loopCondition ? `again while ${step.loopCondition}` : "for each item";
}

function fillLoose(list, entries) {
  const create = ([base, tasks]) => make("li", {}, createNode(base, typeOf(tasks[0])));
  fill(list, entries, ([base]) => base, create, (item, [, tasks]) => show(item.firstElementChild, tasks));
}

/** The type of a task that stands in no definition: that of a worker's task is its name. */
function typeOf(task) {
  return task.type === task.name ? "SIMPLE" : task.type;
}

function createNode(ref, type) {
  return make(
    "a",
    { class: "node" },
    make("span", { class: "mark", "aria-hidden": "true" }),
    make("span", { class: "ref" }, ref),
    make("span", { class: "kind" }, type === "SIMPLE" ? "" : type),
    make("span", { class: "note" }),
  );
}

/** Show the latest try of a step. A step that was not reached leads nowhere. */
function show(node, tries) {
  const latest = tries.at(-1);
  const status = latest?.status;
  const [mark, , , note] = node.children;
  setAttribute(node, "class", `node ${kindOf(status)}`);
  setAttribute(node, "href", latest ? link({ task: latest.id }) : null);
  setAttribute(node, "aria-current", latest && tries.some((task) => task.id === place().task) ? "true" : null);
  setText(mark, markOf(status));
  setText(note, noteOf(latest, tries));
}

function noteOf(latest, tries) {
  if (!latest) return "not reached";
  const facts = [statusText(latest.status)];
  if (latest.iteration > 0) facts.push(`iteration ${latest.iteration}`);
  const ofThis = tries.filter((task) => task.iteration === latest.iteration).length;
  if (ofThis > 1) facts.push(`try ${ofThis}`);
  return facts.join(" · ");
}
