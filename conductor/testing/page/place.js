/** What is open and which filter is set: kept in the address, so that a link, the history and a reload keep it. */

const MEMBERS = ["workflow", "task", "status", "name", "text"];

export function place() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  return Object.fromEntries(MEMBERS.map((name) => [name, parameters.get(name) ?? ""]));
}

/** The address of a place that differs from the present one. Another workflow is opened without a task. */
export function link(changes) {
  const next = { ...place(), ...("workflow" in changes ? { task: "" } : {}), ...changes };
  const parameters = new URLSearchParams(Object.entries(next).filter(([, value]) => value));
  return `#${parameters}`;
}

/** Go there. Typing into a filter replaces the place: it makes no history. */
export function go(changes, { replace = false } = {}) {
  const address = link(changes);
  if (replace) {
    history.replaceState(null, "", address);
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = address;
  }
}
