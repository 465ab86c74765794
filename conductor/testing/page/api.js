/** Requests to the server that gave out this page. */

/** A call that the server has refused, with its reason. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Read data. Query parameters without a value are left out. */
export async function read(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const parameters = new URLSearchParams(given);
  return answered(await fetch(`/page/data/${path}?${parameters}`, { cache: "no-store" }));
}

/** Do something. Returns the text of the answer. */
export async function act(path, body) {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(`/page/actions/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  return answered(answer);
}

async function answered(answer) {
  const text = await answer.text();
  const isJson = (answer.headers.get("Content-Type") ?? "").startsWith("application/json");
  const content = isJson ? JSON.parse(text) : text;
  if (answer.ok) return content;
  const errors = (content.validationErrors ?? []).map((error) => error.message);
  throw new Refused(answer.status, [content.message ?? `status ${answer.status}`, ...errors].join("\n"));
}
