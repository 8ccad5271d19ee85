// The documents' page. Beads are drawn block by block as they come into view, so that a long document stays smooth.
import { ask, draw, keys, make, tell, visible } from "./base.js";
import { apart, merged, movedUp, movedDown, split } from "./beads.js";

const at = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const unit = query.get("unit");
const board = at("board");
const SIDES = ["src", "tgt"];
const BLOCK = 40, LINE = 24, LETTERS = 62;
const others = new BroadcastChannel("polyalign");
const cursor = { bead: 0, side: 0, n: 0 };
let doc = null, blocks = [], sending = Promise.resolve(), told = [new Map(), new Map()];

const where = (more = {}) => ({ unit, doc: doc?.number, ...more });

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const block = blocks[+entry.target.dataset.block];
    if (!block || block.element !== entry.target) continue;
    if (entry.isIntersecting) fillBlock(block);
    else emptyBlock(block);
  }
}, { rootMargin: "1200px 0px" });

async function open(number) {
  try {
    const found = await ask("/api/document", { unit, doc: number });
    told = [new Map(), new Map()];
    Object.assign(cursor, { bead: 0, side: 0, n: 0 });
    doc = found;
    lay();
    scrollTo({ top: 0 });
    query.set("doc", doc.number);
    history.replaceState(null, "", `?${query}`);
    if ([...at("doc").options].some((o) => +o.value === doc.number)) at("doc").value = doc.number;
    await choose(0, 0, 0, false);
  } catch (error) {
    tell(error.message, "warn");
  }
}

/** Make the blocks of the beads as they are now; those in view fill themselves. */
function lay(heights = []) {
  watcher.disconnect();
  blocks = [];
  for (let first = 0; first < doc.beads.length; first += BLOCK) {
    const number = blocks.length, end = Math.min(first + BLOCK, doc.beads.length);
    const sentences = doc.beads.slice(first, end).reduce((sum, [s, t]) => sum + Math.max(s.length, t.length, 1), 0);
    const element = make("div", { class: "block", "data-block": number });
    element.style.height = `${heights[number] ?? sentences * LINE * 1.7}px`;
    blocks.push({ number, first, end, element, filled: false });
  }
  board.replaceChildren(...blocks.map((block) => block.element));
  blocks.forEach((block) => watcher.observe(block.element));
  for (const id of ["undo", "redo"]) at(id).disabled = !doc.mine[id];
  at("finish").setAttribute("aria-pressed", doc.mine.mark === "done");
}

async function fillBlock(block) {
  if (block.filled) return;
  block.filled = true;
  const beads = doc.beads.slice(block.first, block.end), of = doc;
  try {
    await texts(beads);
  } catch (error) {
    block.filled = false;
    tell(error.message, "warn");
    return;
  }
  if (of !== doc || !block.filled || blocks[block.number] !== block) return;
  block.element.replaceChildren(...beads.map((bead, k) => beadOf(bead, block.first + k)));
  block.element.style.height = "";
  const gutters = [...block.element.children].map((row) => {
    const [a, g, b] = row.children;
    return [g.querySelector("path"), a.offsetHeight, b.offsetHeight, g.offsetWidth];
  });
  for (const [path, a, b, w] of gutters) path.setAttribute("d", `M0 2C${w / 2} 2 ${w / 2} 2 ${w} 2V${b - 2}C${w / 2} ${b - 2} ${w / 2} ${a - 2} 0 ${a - 2}Z`);
  mark();
}

function emptyBlock(block) {
  if (!block.filled || !block.element.firstChild) return;
  block.element.style.height = `${block.element.offsetHeight}px`;
  block.element.replaceChildren();
  block.filled = false;
}

/** Ask for those sentences of the beads that are not yet known. */
async function texts(beads) {
  const wanted = {};
  SIDES.forEach((side, s) => {
    const missing = beads.flatMap((bead) => bead[s]).filter((k) => !told[s].has(k));
    if (missing.length) Object.assign(wanted, { [side]: Math.min(...missing), [`${side}_end`]: Math.max(...missing) + 1 });
  });
  if (!Object.keys(wanted).length) return;
  const keep = told, found = await ask("/api/document/texts", where(wanted));
  SIDES.forEach((side, s) => found[side].forEach((text, k) => keep[s].set((wanted[side] ?? 0) + k, text)));
}

/** Where the words of a sentence pair are looked at. */
const pairOf = (row) => `/pairs?${new URLSearchParams({ ...(unit ? { unit } : {}), row })}`;

function beadOf([src, tgt, score, reason, row], k) {
  const kind = !src.length || !tgt.length ? "null" : reason === "changed" ? "changed" : score !== null && score < 0.5 ? "unsure" : src.length > 1 || tgt.length > 1 ? "many" : "one";
  const shape = `${src.length}–${tgt.length}`;
  const gutter = make("div", { class: "gutter" }, draw("svg", { "aria-hidden": "true" }, draw("path")),
    make("span", {}, row === null ? shape : make("a", { href: pairOf(row), tabindex: -1, title: "Its words", "aria-label": `Words of bead ${k}, ${shape}` }, shape), make("small", {}, score === null ? "" : ` ${score.toFixed(2)}`)), reason ? make("span", {}, make("small", {}, visible(reason))) : null);
  return make("div", { class: `bead ${kind}`, "data-k": k }, sideOf(src, 0, k), gutter, sideOf(tgt, 1, k));
}

function sideOf(sentences, s, k) {
  const side = SIDES[s], set = { lang: board.dataset[`${side}Lang`], dir: board.dataset[`${side}Dir`] };
  const rows = sentences.map((index, n) => make("p", { ...set, "data-n": n, onclick: () => choose(k, s, n) }, make("small", {}, index), visible(told[s].get(index) ?? "…")));
  return make("div", { class: `side ${board.dataset[`${side}Mode`]}`, "data-side": s }, rows.length ? rows : make("p", { class: "none" }, "no counterpart"));
}

const rowOf = (k) => board.querySelector(`.bead[data-k="${k}"]`);

/** Mark the sentence at the cursor. */
function mark() {
  board.querySelectorAll(".here, .at").forEach((e) => e.classList.remove("here", "at"));
  const row = rowOf(cursor.bead);
  row?.classList.add("here");
  row?.querySelector(`[data-side="${cursor.side}"] [data-n="${cursor.n}"]`)?.classList.add("at");
}

async function choose(bead, side, n, scroll = true) {
  if (!doc.beads.length) return;
  cursor.bead = Math.max(0, Math.min(doc.beads.length - 1, bead));
  const sides = doc.beads[cursor.bead];
  cursor.side = sides[side].length ? side : 1 - side;
  cursor.n = Math.max(0, Math.min(n, sides[cursor.side].length - 1));
  const block = blocks[Math.floor(cursor.bead / BLOCK)];
  if (scroll && !rowOf(cursor.bead)) block.element.scrollIntoView({ block: "start" });
  await fillBlock(block);
  await texts([sides]);
  mark();
  if (scroll) {
    (board.querySelector(".at") ?? rowOf(cursor.bead))?.scrollIntoView({ block: "nearest" });
    board.focus({ preventScroll: true });
  }
  const index = sides[cursor.side][cursor.n];
  at("cursor").textContent = `bead ${cursor.bead} of ${doc.beads.length}, ${sides[0].length}–${sides[1].length}${sides[2] === null ? "" : `, score ${sides[2].toFixed(2)}`}; ${["source", "target"][cursor.side]} sentence ${index}: ${visible(told[cursor.side].get(index) ?? "")}`;
}

function step(by) {
  const sides = doc.beads[cursor.bead], n = cursor.n + by;
  if (n >= 0 && n < sides[cursor.side].length) return choose(cursor.bead, cursor.side, n);
  // On to the next bead that has this side.
  let k = cursor.bead + by;
  while (doc.beads[k] && !doc.beads[k][cursor.side].length) k += by;
  if (!doc.beads[k]) return choose(cursor.bead + by, cursor.side, 0);
  return choose(k, cursor.side, by > 0 ? 0 : doc.beads[k][cursor.side].length - 1);
}

/** Send a change; the sentence at the cursor stays where it is on the screen. */
function change(what, focus) {
  if (!what) return tell("nothing to change here");
  const number = doc.number;
  sending = sending.then(async () => {
    if (doc.number !== number) return;
    const y = rowOf(cursor.bead)?.getBoundingClientRect().top;
    const keep = { ...cursor, index: doc.beads[cursor.bead][cursor.side][cursor.n], ...focus };
    try {
      const query = new URLSearchParams({ doc: number, ...(unit ? { unit } : {}) });
      doc = await ask(`/api/document/edit?${query}`, { change: what, version: doc.mine.version }, { post: true });
      others.postMessage({ unit, document: number });
    } catch (error) {
      tell(error.message, "warn");
      if (error.status !== 409) return;
      doc = await ask("/api/document", where());
    }
    const heights = blocks.map((block) => block.element.offsetHeight);
    lay(heights);
    const bead = Math.max(0, doc.beads.findIndex((b) => b[keep.side].includes(keep.index)));
    await choose(bead, keep.side, doc.beads[bead][keep.side].indexOf(keep.index), false);
    const row = rowOf(cursor.bead);
    if (row && y !== undefined) scrollBy(0, row.getBoundingClientRect().top - y);
    board.focus({ preventScroll: true });
  });
  return sending;
}

function least() {
  // The next in the order of certainty, from where the cursor is.
  const score = ([s, t, p, reason]) => (reason === "changed" ? Infinity : p === null ? (s.length && t.length ? 1 : 0) : p);
  const order = doc.beads.map((bead, k) => [score(bead), k]).filter(([p]) => p !== Infinity).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const here = order.findIndex(([, k]) => k === cursor.bead);
  const next = least.doc === doc.number && here >= 0 ? order[(here + 1) % order.length] : order[0];
  least.doc = doc.number;
  return next && choose(next[1], 0, 0);
}

function words() {
  const row = doc.beads[cursor.bead]?.[4];
  if (row === null || row === undefined) return tell("no sentence pair was made of this bead");
  location.assign(pairOf(row));
}

const edit = (make) => () => change(make(doc.beads, cursor));
const click = {
  merge: edit(merged), split: edit(split), apart: edit(apart), up: edit(movedUp), down: edit(movedDown), least,
  undo: () => doc.mine.undo && change({ do: "undo" }), redo: () => doc.mine.redo && change({ do: "redo" }),
  finish: () => change({ do: "mark", to: doc.mine.mark === "done" ? "" : "done" }),
  previous: () => doc.number > 0 && open(doc.number - 1), next: () => doc.number + 1 < doc.documents && open(doc.number + 1),
  help: () => at("keys").showModal(),
};
for (const [id, run] of Object.entries(click)) at(id).addEventListener("click", run);
keys([
  ["ArrowUp", "Sentence before", () => step(-1), "↑"], ["ArrowDown", "Sentence after", () => step(1), "↓"],
  [["ArrowLeft"], "Source side", () => choose(cursor.bead, 0, 0), "←"], [["ArrowRight"], "Target side", () => choose(cursor.bead, 1, 0), "→"],
  ["m", "Merge with the next bead", click.merge], ["s", "Split: a new bead begins with this sentence", click.split],
  ["x", "Apart: the sides do not belong together", click.apart],
  [["alt+ArrowUp", "["], "Move the sentence to the bead before", click.up, "alt ↑"], [["alt+ArrowDown", "]"], "Move the sentence to the bead after", click.down, "alt ↓"],
  [["u", "ctrl+z"], "Undo", click.undo], [["r", "ctrl+y"], "Redo", click.redo], ["d", "Done, or not", click.finish],
  ["w", "Words of this bead", words], ["c", "Least certain bead, then the next", least], ["n", "Next document", click.next], ["k", "Previous document", click.previous],
]);

async function list() {
  const found = await ask("/api/documents", { unit, find: at("find").value });
  at("doc").replaceChildren(...found.documents.map((d) => make("option", { value: d.number, selected: d.number === doc?.number }, `${d.mark ? "✓ " : ""}${visible(d.name)} (${d.beads})`)));
  at("found").textContent = `${found.total.toLocaleString("en")} documents${found.total > found.documents.length ? `, the first ${found.documents.length} listed` : ""}`;
}

at("doc").addEventListener("change", () => open(at("doc").value));
at("find").addEventListener("input", list);
at("find").addEventListener("change", () => at("doc").value !== "" && open(at("doc").value));
others.addEventListener("message", (event) => event.data.unit === unit && doc && event.data.document === doc.number && open(doc.number));
open(query.get("doc") ?? 0).then(list);
