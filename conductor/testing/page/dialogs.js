/** The windows that ask before the page does something: start, terminate, complete. */

import { act, read } from "./api.js";
import { announce, byId, make, setText } from "./dom.js";
import { go } from "./place.js";
import { pretty } from "./words.js";

/** Open a window. send(values) does the work; an error of it is shown in the window, which then stays open. */
function open(id, values, send) {
  const dialog = byId(id);
  const form = dialog.querySelector("form");
  const problem = form.querySelector(".problem");
  form.reset();
  for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
  setText(problem, "");
  form.onsubmit = async (event) => {
    event.preventDefault();
    try {
      await send(Object.fromEntries(new FormData(form)));
      dialog.close();
    } catch (error) {
      setText(problem, error.message);
    }
  };
  form.querySelector(".cancel").onclick = () => dialog.close();
  dialog.showModal();
}

/** A JSON object that a person has typed. */
function objectOf(text, name) {
  let value;
  try {
    value = JSON.parse(text.trim() || "{}");
  } catch (error) {
    throw new Error(`${name}: ${error.message}`);
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new Error(`${name} must be an object: {…}`);
  }
  return value;
}

/** Start a workflow, and open it. done: called after it. */
export async function startWorkflow(done) {
  const definitions = await read("definitions");
  const { elements } = byId("start-dialog").querySelector("form");
  elements.name.replaceChildren(...definitions.map(({ name }) => make("option", {}, name)));
  const inputOf = (name) => pretty(definitions.find((each) => each.name === name)?.input);
  elements.name.onchange = () => {
    elements.input.value = inputOf(elements.name.value);
  };
  open("start-dialog", { input: inputOf(definitions[0]?.name) }, async ({ name, correlationId, input }) => {
    const request = { name, input: objectOf(input, "Input"), ...(correlationId ? { correlationId } : {}) };
    const workflow = await act("start", request);
    announce(`${name} is started`);
    go({ workflow, name: "", status: "", text: "" });
    done();
  });
}

export function terminateWorkflow(workflow, done) {
  open("terminate-dialog", {}, async ({ reason }) => {
    await act(`terminate/${encodeURIComponent(workflow.id)}`, reason ? { reason } : {});
    announce(`${workflow.name} is terminated`);
    done();
  });
}

/** Retry a workflow. This needs no window, so a refusal is shown at the top of the page. */
export async function retryWorkflow(workflow, done) {
  const problem = byId("problem");
  problem.hidden = true;
  try {
    await act(`retry/${encodeURIComponent(workflow.id)}`, {});
    announce(`${workflow.name} is tried again`);
  } catch (error) {
    setText(problem, error.message);
    problem.hidden = false;
  }
  done();
}

export function completeTask(task, workflow, done) {
  setText(byId("complete-title"), `Complete the task ${task.ref}`);
  open("complete-dialog", { output: "{}" }, async ({ status, output, reason }) => {
    const result = { taskId: task.id, workflowInstanceId: workflow.id, status };
    const more = reason ? { reasonForIncompletion: reason } : {};
    await act("complete", { ...result, outputData: objectOf(output, "Output"), ...more });
    announce(`${task.ref} is ${status.toLowerCase()}`);
    done();
  });
}
