// The pairs' page: one pair at a time, everybody's links over it, corrected by click or key.
import { ask, draw, foreign, keys, make, named, tell, visible } from "./base.js";
import { drawGrid, drawLines, gathered } from "./links.js";

const at = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const unit = query.get("unit");
const others = new BroadcastChannel("polyalign");
const cursor = { i: 0, j: 0 };
let pair = null, off = new Set(JSON.parse(localStorage.getItem("layers-off") ?? "[]")), sending = Promise.resolve();

const where = (more = {}) => ({ unit, order: at("order").value, todo: at("todo").checked ? 1 : null, ...more });

/** What is drawn: the correction, if there is one, and the layers that are switched on. */
function layers() {
  const mine = pair.mine.value ? [{ name: "your correction", kind: "mine", links: pair.mine.value.links }] : [];
  // A gold standard is of a few pairs only; that others are not in it need not be said each time.
  return [...mine, ...pair.layers.filter((layer) => layer.links || layer.name !== "gold")].map((layer, k) => ({ ...layer, colour: k % 6 }));
}
const shown = () => layers().filter((layer) => layer.links && (layer.kind === "mine" || !off.has(layer.name)));
/** What a change is made to: the correction, else the links it would start from. */
const edited = () => pair.mine.value?.links ?? pair.layers.find((layer) => layer.name === pair.base)?.links ?? [];
const linkAt = (i, j) => edited().find((link) => link[0] === i && link[1] === j);

async function load(more) {
  try {
    show(await ask("/api/pair", where(more)), true);
  } catch (error) {
    tell(error.message, "warn");
  }
}

function show(found, fresh) {
  const moved = !pair || pair.row !== found.row;
  pair = found;
  if (moved) Object.assign(cursor, { i: 0, j: 0 });
  cursor.i = Math.max(0, Math.min(cursor.i, pair.src.words.length - 1));
  cursor.j = Math.max(0, Math.min(cursor.j, pair.tgt.words.length - 1));
  at("row").value = pair.row;
  at("done").textContent = pair.done.toLocaleString("en");
  at("undo").disabled = !pair.mine.undo;
  at("redo").disabled = !pair.mine.redo;
  at("bad").setAttribute("aria-pressed", pair.mine.value?.mark === "bad");
  const mark = { done: " · marked done by you", bad: " · marked as not a translation by you" }[pair.mine.value?.mark] ?? (pair.mine.value ? " · changed by you" : "");
  at("about").replaceChildren(make("bdi", {}, visible(pair.id)), at("order").value === "least" ? ` · place ${pair.place.toLocaleString("en")} of the least certain` : "", mark);
  at("columns").querySelector("dl").replaceChildren(...[["document", pair.doc], ...Object.entries(pair.columns)].filter(([, v]) => v !== "").flatMap(([k, v]) => [make("dt", {}, visible(k)), make("dd", {}, make("bdi", {}, visible(String(v))))]));
  legend();
  paint();
  if (fresh) {
    query.set("row", pair.row);
    query.set("order", at("order").value);
    if (pair.unit ?? unit) query.set("unit", unit);
    else query.delete("unit");
    history.replaceState(null, "", `?${query}`);
  }
}

function legend() {
  const all = layers(), several = shown().length > 1;
  const items = all.map((layer) => {
    const box = make("input", { type: "checkbox", checked: layer.kind === "mine" || !off.has(layer.name), disabled: layer.kind === "mine" || !layer.links, onchange: () => {
      off[box.checked ? "delete" : "add"](layer.name);
      localStorage.setItem("layers-off", JSON.stringify([...off]));
      legend();
      paint();
    } });
    const sample = draw("svg", { width: 26, height: 8, "aria-hidden": "true" }, draw("path", { class: `link c${several ? layer.colour : 0}${several ? ` l${layer.colour}` : ""}`, d: "M0 4h26" }));
    const take = layer.kind === "mine" || !layer.links ? null : make("button", { type: "button", title: "Make these links my correction", onclick: () => change({ do: "links", to: asLinks(layer.links) }) }, "take");
    const told = layer.kind === "author" ? `${visible(layer.name)} (corrected)` : visible(layer.name);
    return [make("label", {}, box, sample, make("bdi", {}, told), layer.links ? "" : " (has not seen it)"), take];
  });
  at("layers").replaceChildren(at("layers").querySelector("legend"), ...items.flat().filter(Boolean),
    make("span", { class: "small" }, all.length === 0 ? "no links yet: make some" : several ? "grey: all agree" : ""));
}

const asLinks = (links) => Object.fromEntries(links.map(([i, j, , sure]) => [`${i}-${j}`, sure ? "sure" : "possible"]));

function paint() {
  const visibleLayers = shown();
  at("lines").hidden = at("as-lines").getAttribute("aria-pressed") !== "true";
  at("grid").hidden = at("as-grid").getAttribute("aria-pressed") !== "true";
  if (!at("lines").hidden) drawLines(at("lines"), pair, visibleLayers, cursor, onWord);
  if (!at("grid").hidden) drawGrid(at("grid"), pair, visibleLayers, cursor, onCell);
  sayCursor();
}

function sayCursor() {
  const { i, j } = cursor, src = pair.src.words[i], tgt = pair.tgt.words[j];
  if (src === undefined || tgt === undefined) {
    at("cursor").textContent = "One side has no words.";
    return;
  }
  const cell = gathered(shown()).find((c) => c.i === i && c.j === j);
  const told = cell ? cell.by.map(({ layer, prob, sure }) => `${layer.name} ${sure ? "sure" : "possible"}${prob === null ? "" : ` ${prob.toFixed(2)}`}`).join("; ") : "no link";
  at("cursor").replaceChildren(make("b", {}, foreign(src, pair.src.language)), " – ", make("b", {}, foreign(tgt, pair.tgt.language)), ": ", visible(told));
}

function onWord(side, k) {
  const before = { ...cursor };
  cursor[side ? "j" : "i"] = k;
  // A word of one side and then one of the other: the link between them changes.
  if (onWord.last !== undefined && onWord.last !== side && (side ? before.i === onWord.k : before.j === onWord.k)) {
    onWord.last = undefined;
    toggle("sure");
  } else {
    onWord.last = side;
    onWord.k = k;
    paint();
    tell(`now a ${side ? "source" : "target"} word`);
  }
  at("board").focus({ preventScroll: true });
}

function onCell(i, j, event) {
  Object.assign(cursor, { i, j });
  onWord.last = undefined;
  const now = linkAt(i, j);
  // No link, sure, possible, no link.
  put(event.shiftKey ? (now && !now[3] ? "" : "possible") : !now ? "sure" : now[3] ? "possible" : "");
  at("board").focus({ preventScroll: true });
}

const put = (to) => change({ do: "link", src: cursor.i, tgt: cursor.j, to });

function toggle(kind) {
  const now = linkAt(cursor.i, cursor.j);
  return put(now && (now[3] ? "sure" : "possible") === kind ? "" : kind);
}

/** Send one change after the other, each made to what the one before left. */
function change(what) {
  const row = pair.row;
  sending = sending.then(async () => {
    if (pair.row !== row) return;
    try {
      show(await ask(`/api/pair/edit?${new URLSearchParams({ row, order: at("order").value, ...(unit ? { unit } : {}) })}`, { change: what, version: pair.mine.version, base: pair.base }, { post: true }));
      others.postMessage({ unit, row });
    } catch (error) {
      tell(error.message, "warn");
      if (error.status === 409) await load({ row });
    }
  });
  return sending;
}

function move(side, by) {
  const words = pair[side ? "tgt" : "src"].words.length, name = side ? "j" : "i";
  cursor[name] = Math.max(0, Math.min(words - 1, cursor[name] + by));
  onWord.last = undefined;
  paint();
  at("lines").querySelector(`.word.at[data-side="${side}"]`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

const go = (step) => sending.then(() => load({ row: pair.row, go: step }));

async function finish(mark) {
  const again = mark === "bad" && pair.mine.value?.mark === "bad";
  await change({ do: "mark", to: again ? "" : mark });
  if (pair.mine.value?.mark === mark) await go("next");
}

function retell() {
  at("text-src").value = pair.src.text;
  at("text-tgt").value = pair.tgt.text;
  for (const side of ["src", "tgt"]) Object.assign(at(`text-${side}`), { lang: pair[side].language.lang, dir: pair[side].language.dir });
  at("texts").returnValue = "";
  at("texts").showModal();
}

at("texts").addEventListener("close", () => {
  if (at("texts").returnValue !== "save") return;
  for (const side of ["src", "tgt"]) {
    const to = at(`text-${side}`).value;
    if (to !== pair[side].text) change({ do: "text", side, to });
  }
});

function press(id) {
  at(id).setAttribute("aria-pressed", at(id).getAttribute("aria-pressed") !== "true");
  paint();
}

const horizontal = (step) => () => move(1, pair.tgt.language.dir === "rtl" ? -step : step);
const click = { previous: () => go("previous"), next: () => go("next"), finish: () => finish("done"), bad: () => finish("bad"), undo: () => change({ do: "undo" }), redo: () => change({ do: "redo" }), retell, help: () => at("keys").showModal() };
for (const [id, run] of Object.entries(click)) at(id).addEventListener("click", run);
at("as-lines").addEventListener("click", () => press("as-lines"));
at("as-grid").addEventListener("click", () => press("as-grid"));
at("row").addEventListener("change", () => load({ row: at("row").value }));
at("order").addEventListener("change", () => (at("order").value === "least" ? load({}) : load({ row: pair.row })));
at("todo").addEventListener("change", () => load({ row: pair.row }));
others.addEventListener("message", (event) => event.data.unit === unit && pair && event.data.row === pair.row && load({ row: pair.row }));
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && pair && load({ row: pair.row }));
new ResizeObserver(() => pair && !at("lines").hidden && drawLines(at("lines"), pair, shown(), cursor, onWord)).observe(at("board"));

keys([
  [["ArrowUp", "w"], "Source word before", () => move(0, -1), "↑"], [["ArrowDown", "s"], "Source word after", () => move(0, 1), "↓"],
  [["ArrowLeft", "a"], "Target word on the left", horizontal(-1), "←"], [["ArrowRight"], "Target word on the right", horizontal(1), "→"],
  [["Space", "Enter"], "Sure link: make or remove", () => toggle("sure"), "space"], ["p", "Possible link: make or remove", () => toggle("possible")],
  [["Delete", "Backspace", "x"], "Remove the link", () => linkAt(cursor.i, cursor.j) && put(""), "delete"],
  [["u", "ctrl+z"], "Undo", () => pair.mine.undo && change({ do: "undo" })], [["r", "ctrl+y"], "Redo", () => pair.mine.redo && change({ do: "redo" })],
  ["d", "Done, next pair", () => finish("done")], ["b", "Not a translation (again: it is one)", () => finish("bad")],
  ["e", "Correct the text", retell], ["n", "Next pair", () => go("next")], ["k", "Previous pair", () => go("previous")],
  ["l", "Lines on or off", () => press("as-lines")], ["g", "Grid on or off", () => press("as-grid")],
  ...[1, 2, 3, 4, 5, 6].map((n) => [String(n), n === 1 ? "Layer on or off" : null, () => at("layers").querySelectorAll("input:not(:disabled)")[n - 1]?.click(), "1 … 6"]),
]);
at("board").addEventListener("keydown", (event) => named(event).startsWith("arrow") && onWord.last !== undefined && (onWord.last = undefined));

at("order").value = query.get("order") ?? "file";
load({ row: query.get("row") ?? (at("order").value === "least" ? null : 0) }).then(() => at("board").focus({ preventScroll: true }));
