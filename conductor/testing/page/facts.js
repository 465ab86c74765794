/** Names with values, and JSON texts with a title: the parts that a workflow and a task have in common. */

import { fill, make, setAttribute, setText } from "./dom.js";
import { isEmpty, pretty } from "./words.js";

/** A value with an address: {text, href}. */
function asLinks(value) {
  const values = Array.isArray(value) ? value : [value];
  return values.map((each) => (typeof each === "object" ? each : { text: String(each) }));
}

/** Write a list of [name, value]. A value is a text, a number, {text, href}, or a list of them. Empty ones are left out. */
export function showFacts(list, facts) {
  const shown = facts.filter(([, value]) => value !== undefined && value !== null && value !== "" && value.length !== 0);
  const create = ([name]) => make("div", {}, make("dt", {}, name), make("dd"));
  fill(list, shown, ([name]) => name, create, (item, [, value]) => {
    const links = asLinks(value);
    fill(item.lastElementChild, links, ({ text, href }) => `${href ?? ""} ${text}`, createValue, updateValue);
  });
}

function createValue({ text, href }) {
  return make(href ? "a" : "span", {}, text);
}

function updateValue(element, { href }) {
  setAttribute(element, "href", href);
}

/** Write a list of [title, value], each as a title and a JSON text. Empty ones are left out. */
export function showJson(parent, values) {
  const shown = values.filter(([, value]) => !isEmpty(value));
  const create = ([title]) =>
    make("div", {}, make("h4", {}, title), make("pre", { tabindex: "0", role: "region", "aria-label": title }));
  const asText = (value) => (typeof value === "string" ? value : pretty(value));
  fill(parent, shown, ([title]) => title, create, (item, [, value]) => setText(item.lastElementChild, asText(value)));
}
