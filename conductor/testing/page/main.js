/** The page at /: asks the server each second for what has changed, and shows it. */

import { read, Refused } from "./api.js";
import { completeTask, retryWorkflow, startWorkflow, terminateWorkflow } from "./dialogs.js";
import { announce, byId, setText } from "./dom.js";
import { place } from "./place.js";
import { showErrors, showQueues } from "./queues.js";
import { focusTask } from "./task_panel.js";
import { clock } from "./words.js";
import { listen, show, showFilter, Workflows } from "./workflow_list.js";
import { WorkflowPanel } from "./workflow_panel.js";

const PAUSE = 1000; // milliseconds between two requests

const workflows = new Workflows();
const ask = {
  retry: (workflow) => retryWorkflow(workflow, wake),
  terminate: (workflow) => terminateWorkflow(workflow, wake),
  complete: (task, workflow) => completeTask(task, workflow, wake),
};
let since = "";
let seen = place();
let panel = null;
let queues = [];
let errors = [];
let wake = () => {};

async function refresh() {
  const { status, name, text, workflow, task } = place();
  const answer = await read("overview", { since, status, name, text, limit: workflows.limit });
  since = answer.since;
  const failed = workflows.take(answer);
  if (workflows.isShort) since = "";
  queues = answer.queues ?? queues;
  errors = answer.errors ?? errors;
  const options = { actions: answer.actions, now: answer.now };
  if (workflow !== (panel?.id ?? "")) openPanel(workflow);
  if (panel) await refreshPanel(task, options);
  show(workflows, options.now);
  showQueues(queues, options.now);
  showErrors(errors, options.now);
  byId("start").hidden = !answer.actions;
  setText(byId("clock"), `server time ${clock(options.now)} UTC`);
  showTitle();
  if (failed.length) announce(failed.map((row) => `${row.name} failed: ${row.reason ?? "no reason given"}`).join(". "));
}

function openPanel(id) {
  panel = id ? new WorkflowPanel(id, ask) : null;
  byId("workflow").hidden = !id;
  document.body.classList.toggle("has-workflow", Boolean(id));
}

async function refreshPanel(task, options) {
  const opened = panel;
  try {
    await opened.refresh(task);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    setText(opened.title, error.message); // the workflow is not there, or no more
    return;
  }
  if (opened === panel) opened.show(task, options);
}

function showTitle() {
  const { failures } = workflows;
  document.title = failures ? `${failures} failed – Conductor dev server` : "Conductor dev server";
}

/** After a link or a change of the filter: read at once, and take the focus along to what was opened. */
async function onPlace() {
  const now = place();
  const before = seen;
  seen = now;
  if (["status", "name", "text"].some((name) => now[name] !== before[name])) since = "";
  showFilter();
  await wake();
  if (now.task && now.task !== before.task) focusTask();
  else if (now.workflow && now.workflow !== before.workflow) byId("workflow-title")?.focus();
  else if (before.workflow && !now.workflow) byId(`row-${before.workflow}`)?.focus();
}

function run() {
  let timer;
  let turn = Promise.resolve();
  const step = async () => {
    clearTimeout(timer);
    try {
      if (!document.hidden) await refresh();
      byId("offline").hidden = true;
    } catch (error) {
      console.error(error);
      byId("offline").hidden = false;
      since = "";
    }
    clearTimeout(timer);
    timer = setTimeout(wake, PAUSE);
  };
  wake = () => {
    turn = turn.then(step);
    return turn;
  };
  wake();
}

/** Links within the page: the address has another use. */
function jump(id, target) {
  byId(id).addEventListener("click", (event) => {
    event.preventDefault();
    const element = byId(target) ?? byId("list-title");
    element.scrollIntoView();
    element.focus();
  });
}

listen(workflows, () => {
  since = "";
  wake();
});
showFilter();
jump("skip", "workflow-title");
jump("to-queues", "queues-title");
byId("start").addEventListener("click", () => startWorkflow(() => wake()));
addEventListener("hashchange", onPlace);
document.addEventListener("visibilitychange", () => wake());
run();
