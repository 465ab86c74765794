/** Elements of the page. Texts from workflows and workers stay texts: nothing here reads HTML. */

/**
 * Make an element. A function among the attributes is called at the event of that name. Null, undefined and false leave
 * an attribute out.
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else setAttribute(element, name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) {
    element.removeAttribute(name);
    return;
  }
  const text = value === true ? "" : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** Write a text only if it has changed: a selection in it, and the place to which it is scrolled, then stay. */
export function setText(element, value) {
  const text = value === null || value === undefined ? "" : String(value);
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Make the children of an element those of a list. Children of before are used again, so the focus stays where it is.
 * create(item) makes a child, update(child, item) writes what may have changed.
 */
export function fill(parent, items, keyOf, create, update) {
  const focused = document.activeElement;
  const wanted = new Set(items.map((item) => String(keyOf(item))));
  const kept = new Map();
  for (const child of [...parent.children]) {
    if (wanted.has(child.dataset.key)) kept.set(child.dataset.key, child);
    else child.remove();
  }
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let child = kept.get(key);
    if (!child) {
      child = create(item);
      child.dataset.key = key;
    }
    update(child, item);
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  if (focused && focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}

export function byId(id) {
  return document.getElementById(id);
}

/** Tell a screen reader what has happened. */
export function announce(text) {
  setText(byId("live"), text);
}
