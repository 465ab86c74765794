/** Times, and how a status is shown: by a colour, by a mark and by its name. */

const KINDS = {
  COMPLETED: "good",
  COMPLETED_WITH_ERRORS: "fair",
  FAILED: "bad",
  FAILED_WITH_TERMINAL_ERROR: "bad",
  TIMED_OUT: "bad",
  TERMINATED: "off",
  CANCELED: "off",
  SKIPPED: "off",
  PAUSED: "off",
  IN_PROGRESS: "busy",
  RUNNING: "busy",
  SCHEDULED: "wait",
};
const MARKS = { good: "✓", fair: "!", bad: "✗", off: "–", busy: "▶", wait: "…", none: "○" };
const LONGEST_SHOWN = 200_000; // characters of a JSON text

/** The class of a status in the style sheet. */
export function kindOf(status) {
  return status ? KINDS[status] ?? "wait" : "none";
}

/** The mark of a status, for those who do not see its colour. */
export function markOf(status) {
  return MARKS[kindOf(status)];
}

export function statusText(status) {
  return status.toLowerCase().replaceAll("_", " ");
}

export function duration(milliseconds) {
  const ms = Math.max(0, Math.round(milliseconds));
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

/** The time of the day, as in logs. */
export function clock(milliseconds) {
  return new Date(milliseconds).toISOString().slice(11, 19);
}

/** A moment with its day. */
export function moment(milliseconds) {
  return milliseconds ? `${new Date(milliseconds).toISOString().slice(0, 23).replace("T", " ")} UTC` : "";
}

/** A value as JSON for people. A very long text is cut. */
export function pretty(value) {
  const text = JSON.stringify(value ?? {}, null, 2);
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}\n… ${text.length} characters in all` : text;
}

export function isEmpty(value) {
  return value === null || value === undefined || (typeof value === "object" && Object.keys(value).length === 0);
}
