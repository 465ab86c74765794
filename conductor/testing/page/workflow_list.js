/** The list of workflows: the numbers of all of them, the filter, and the groups. Running and failed ones come first. */

import { byId, fill, make, setAttribute, setText } from "./dom.js";
import { go, link, place } from "./place.js";
import { clock, duration, kindOf, markOf, statusText } from "./words.js";

const GROUPS = [
  { name: "running", title: "Running", statuses: ["RUNNING", "PAUSED"] },
  { name: "failed", title: "Failed", statuses: ["FAILED", "TIMED_OUT"] },
  { name: "ended", title: "Ended", statuses: ["COMPLETED", "TERMINATED"] },
];
const STATUSES = GROUPS.flatMap((group) => group.statuses);
const PAUSE_WHILE_TYPING = 250; // milliseconds
const STEP = 50; // workflows of a group that are shown at first, and with each "Show more"

/** The workflows that the page knows. The server sends all of a filter once, and then what has changed. */
export class Workflows {
  constructor() {
    this.limit = STEP;
    this.counts = {};
    this.rows = new Map();
    this.more = {};
  }

  /** Take an answer in. Returns the rows whose workflows have failed since the answer before. */
  take(answer) {
    const failed = [];
    if (answer.full) {
      this.rows.clear();
      this.more = answer.more;
    }
    for (const row of answer.workflows) {
      const before = this.rows.get(row.id);
      if (!answer.full && isFailed(row) && !(before && isFailed(before))) failed.push(row);
      this.rows.set(row.id, row);
    }
    for (const id of answer.gone) this.rows.delete(id);
    this.counts = answer.counts ?? this.counts;
    return failed;
  }

  /** Whether a group has fewer rows than it could have: then the page must ask for all again. */
  get isShort() {
    return GROUPS.some((group) => this.more[group.name] && this.of(group).length < this.limit);
  }

  of(group) {
    const rows = [...this.rows.values()].filter((row) => group.statuses.includes(row.status));
    return rows.sort((one, other) => other.start - one.start).slice(0, this.limit);
  }

  get failures() {
    return (this.counts.FAILED ?? 0) + (this.counts.TIMED_OUT ?? 0);
  }
}

function isFailed(row) {
  return kindOf(row.status) === "bad";
}

/** Connect the fields of the filter and the button. changed: called when another answer is needed. */
export function listen(workflows, changed) {
  const form = byId("filter");
  let timer;
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => go(Object.fromEntries(new FormData(form)), { replace: true }), PAUSE_WHILE_TYPING);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  byId("more").addEventListener("click", () => {
    workflows.limit += STEP;
    changed();
  });
}

/** Write into the fields what the address says. */
export function showFilter() {
  const { name, text } = place();
  for (const [field, value] of Object.entries({ name, text })) {
    const input = byId("filter").elements[field];
    if (input.value !== value && input !== document.activeElement) input.value = value;
  }
}

export function show(workflows, now) {
  showCounts(workflows.counts);
  const shown = GROUPS.map((group) => ({ ...group, rows: workflows.of(group) })).filter((group) => group.rows.length);
  fill(byId("groups"), shown, (group) => group.name, createGroup, (element, group) => updateGroup(element, group, now));
  const none = byId("none");
  none.hidden = shown.length > 0;
  const { status, name, text } = place();
  const isFiltered = Boolean(status || name || text);
  setText(none, isFiltered ? "No workflow fits the filter." : "None yet. Start one, and it is shown here.");
  const isCut = GROUPS.some((group) => workflows.more[group.name] || hasMore(workflows, group));
  byId("more").hidden = !isCut;
}

function hasMore(workflows, group) {
  return [...workflows.rows.values()].filter((row) => group.statuses.includes(row.status)).length > workflows.limit;
}

/** A button for each status, with the number of all its workflows. */
function showCounts(counts) {
  const wanted = place().status;
  const shown = STATUSES.filter((status) => counts[status] || status === wanted);
  const create = (status) =>
    make("button", { type: "button", click: () => go({ status: place().status === status ? "" : status }) });
  fill(byId("counts"), shown, String, create, (button, status) => {
    setAttribute(button, "class", kindOf(status));
    setAttribute(button, "aria-pressed", String(status === wanted));
    setText(button, `${markOf(status)} ${counts[status] ?? 0} ${statusText(status)}`);
  });
}

function createGroup(group) {
  const title = `group-${group.name}`;
  return make(
    "section",
    { "aria-labelledby": title },
    make("h3", { id: title }, group.title),
    make("ul", { class: "plain" }),
  );
}

function updateGroup(element, group, now) {
  fill(element.querySelector("ul"), group.rows, (row) => row.id, createRow, (item, row) => updateRow(item, row, now));
}

function createRow(row) {
  return make(
    "li",
    {},
    make(
      "a",
      { class: "row", id: `row-${row.id}` },
      make("span", { class: "mark", "aria-hidden": "true" }),
      make("span", { class: "name" }),
      make("span", { class: "status" }),
      make("span", { class: "took" }),
      make("code"),
      make("span", { class: "reason" }),
    ),
  );
}

function updateRow(item, row, now) {
  const anchor = item.firstElementChild;
  const [mark, name, status, took, id, reason] = anchor.children;
  setAttribute(anchor, "class", `row ${kindOf(row.status)}`);
  setAttribute(anchor, "href", link({ workflow: row.id }));
  setAttribute(anchor, "aria-current", place().workflow === row.id ? "true" : null);
  setText(mark, markOf(row.status));
  setText(name, row.name);
  setText(status, statusText(row.status));
  setText(took, `${clock(row.start)} · ${duration((row.end || now) - row.start)}`);
  setText(id, row.correlationId ? `${row.correlationId} · ${row.id}` : row.id);
  setText(reason, row.reason ?? (row.open?.length ? row.open.join(", ") : ""));
  reason.classList.toggle("bad", Boolean(row.reason));
}
