// What every page shares: asking the server, making elements, telling the person, keys.

const ACTING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u061c\u2028\u2029\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufeff\ufffe\uffff]/g;

/** Corpus text with control characters spelt out, so that they are seen and do nothing. */
export function visible(raw) {
  return raw.replace(ACTING, (c) => `[U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);
}

/** An element; attributes that are null are left out, `on...` are listeners, text is never HTML. */
export function make(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** As `make`, for drawings. */
export function draw(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((c) => c !== null && c !== undefined));
  return element;
}

/** Corpus text in its language and direction, apart from what stands around it. */
export function foreign(raw, language) {
  return make("bdi", { lang: language.lang, dir: language.dir }, visible(raw));
}

/** What the server answers, as JSON; an `Error` with `status` and `answer` where it refuses. */
export async function ask(path, given = {}, { post = false } = {}) {
  const query = new URLSearchParams(Object.entries(given).filter(([, v]) => v !== null && v !== undefined));
  const response = post
    ? await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(given) })
    : await fetch(`${path}?${query}`);
  const answer = await response.json().catch(() => ({ error: `the server answered ${response.status}` }));
  if (!response.ok) throw Object.assign(new Error(answer.error), { status: response.status, answer });
  return answer;
}

/** Say something at the foot of the page, to screen readers as well. */
export function tell(message, kind = "") {
  const place = document.getElementById("told");
  place.textContent = message;
  place.className = `told shown ${kind}`;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => { place.className = "told"; }, kind === "warn" ? 8000 : 3000);
}

const bound = new Map();

/** Bind keys of a page: `[["n", "Next pair", run], ...]`; they are listed when `?` is pressed. */
export function keys(rows) {
  const list = document.querySelector("#keys dl");
  for (const [key, told, run, shown] of rows) {
    for (const one of [key].flat()) bound.set(one.toLowerCase(), run);
    if (told) list.append(make("dt", {}, make("kbd", {}, shown ?? [key].flat().join(" "))), make("dd", {}, told));
  }
}

/** How a key that was pressed is called: `ctrl+z`, `shift+arrowup`, `n`. */
export function named(event) {
  const shift = event.shiftKey && event.key.length > 1 ? "shift+" : "";
  return `${event.ctrlKey || event.metaKey ? "ctrl+" : ""}${event.altKey ? "alt+" : ""}${shift}${event.key === " " ? "space" : event.key}`.toLowerCase();
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  const pressed = event.target.closest("button, a, summary") && ["enter", "space"].includes(named(event));
  if (typing || pressed || document.querySelector("dialog[open]")) return;
  const run = bound.get(named(event));
  if (run) {
    event.preventDefault();
    run(event);
  }
});

keys([["?", "These keys", () => document.getElementById("keys").showModal()]]);
for (const select of document.querySelectorAll("select[data-submit]")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}
