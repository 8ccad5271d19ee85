// The two drawings of a pair's links: lines between its words, and a grid of them.
import { draw, make, visible } from "./base.js";

const CELL = 26;

/** Which of the layers have each link: a map of "i-j" to [{layer, prob, sure}], in reading order. */
export function gathered(layers) {
  const cells = new Map();
  layers.forEach((layer, slot) => {
    for (const [i, j, prob, sure] of layer.links ?? []) {
      const key = `${i}-${j}`;
      if (!cells.has(key)) cells.set(key, { i, j, by: [] });
      cells.get(key).by.push({ layer, slot, prob, sure });
    }
  });
  return [...cells.values()].sort((a, b) => a.i - b.i || a.j - b.j);
}

const kindOf = (cell, layers) => (cell.by.length === layers.length ? "same" : "differs");
const linkedEnds = (cells) => [new Set(cells.map((c) => c.i)), new Set(cells.map((c) => c.j))];

/** Words in two lines (columns where a script is vertical) with a curve for every link. */
export function drawLines(place, pair, layers, cursor, onword) {
  const cells = gathered(layers), ends = linkedEnds(cells);
  const modes = [pair.src, pair.tgt].map((side) => side.language.mode === "vertical");
  const across = modes.includes(true) ? modes : null;
  const words = [pair.src, pair.tgt].map((side, s) =>
    make("div", { class: `words ${side.language.mode}`, lang: side.language.lang, dir: side.language.dir },
      side.words.flatMap((word, k) => [make("span", {
        class: `word${ends[s].has(k) ? "" : " alone"}`, "data-side": s, "data-k": k, onclick: () => onword(s, k),
      }, visible(word)), " "])));
  const svg = draw("svg", { "aria-hidden": "true" });
  place.className = `${across ? "across" : ""}${layers.length > 1 ? " several" : ""}`;
  place.replaceChildren(words[0], words[1], svg);
  const box = place.getBoundingClientRect();
  const rects = words.map((w) => [...w.children].map((e) => e.getBoundingClientRect()));
  for (const cell of cells) {
    const a = rects[0][cell.i], b = rects[1][cell.j];
    const kind = kindOf(cell, layers);
    const shown = kind === "same" ? [cell.by[0]] : cell.by;
    shown.forEach((by, n) => {
      const shift = (n - (shown.length - 1) / 2) * 5;
      const colour = kind === "same" ? "" : ` c${by.layer.colour} l${by.layer.colour}`;
      svg.append(draw("path", {
        class: `link ${kind}${colour}${by.sure ? "" : " possible"}`, "data-i": cell.i, "data-j": cell.j, d: curve(a, b, box, across, shift),
      }));
    });
  }
  place.querySelectorAll(".word").forEach((word) => {
    word.addEventListener("pointerenter", () => near(place, +word.dataset.side, +word.dataset.k));
    word.addEventListener("pointerleave", () => near(place));
  });
  markLines(place, cells, cursor);
}

function curve(a, b, box, across, shift) {
  if (across) {
    // A word in a line is left from below and a word in a column from the side, so that no line runs through its neighbours.
    const [p, q] = [across[0] ? [a.right + 3, a.top + a.height / 2 + shift] : [a.left + a.width / 2 + shift, a.bottom + 1],
      across[1] ? [b.left - 3, b.top + b.height / 2 + shift] : [b.left + b.width / 2 + shift, b.bottom + 1]];
    const [x, y, u, v] = [p[0] - box.left, p[1] - box.top, q[0] - box.left, q[1] - box.top];
    const from = across[0] ? `${(x + u) / 2} ${y}` : `${x} ${y + 60}`, to = across[1] ? `${(x + u) / 2} ${v}` : `${u} ${v + 60}`;
    return `M${x} ${y}C${from} ${to} ${u} ${v}`;
  }
  const [x, y, u, v] = [a.left + a.width / 2 - box.left + shift, a.bottom - box.top + 1, b.left + b.width / 2 - box.left + shift, b.top - box.top - 1];
  return `M${x} ${y}C${x} ${(y + v) / 2} ${u} ${(y + v) / 2} ${u} ${v}`;
}

/** Let the links of one word stand out; of none without arguments. */
function near(place, side, k) {
  place.classList.toggle("focused", side !== undefined);
  for (const path of place.querySelectorAll(".link")) {
    path.classList.toggle("near", side !== undefined && +path.dataset[side ? "j" : "i"] === k);
  }
}

/** Mark the words at the cursor and those linked to them. */
export function markLines(place, cells, cursor) {
  for (const word of place.querySelectorAll(".word")) {
    const side = +word.dataset.side, k = +word.dataset.k;
    word.classList.toggle("at", k === (side ? cursor.j : cursor.i));
    word.classList.toggle("partner", cells.some((c) => (side ? c.j === k && c.i === cursor.i : c.i === k && c.j === cursor.j)));
  }
}

const pen = document.createElement("canvas").getContext("2d");

function widthOf(word) {
  pen.font = `14px ${getComputedStyle(document.body).fontFamily}`;
  return pen.measureText(word).width;
}

const short = (word) => (word.length > 24 ? `${word.slice(0, 23)}…` : word);

/** Source words as rows, target words as columns (from the right for scripts that run so), a square for every link. */
export function drawGrid(place, pair, layers, cursor, oncell) {
  const cells = gathered(layers), ends = linkedEnds(cells);
  const names = [pair.src, pair.tgt].map((side) => side.words.map((w) => short(visible(w))));
  const [n, m] = names.map((x) => x.length);
  const upright = pair.tgt.language.mode === "vertical", mirrored = pair.tgt.language.dir === "rtl";
  const longest = Math.max(0, ...names[1].map(widthOf));
  const left = 16 + Math.max(0, ...names[0].map(widthOf)), top = 14 + (upright ? longest : 0.82 * longest);
  const width = left + m * CELL + Math.max(8, upright ? 0 : 0.57 * longest), height = top + n * CELL + 4;
  const x = (j) => left + (mirrored ? m - 1 - j : j) * CELL, y = (i) => top + i * CELL;
  const svg = draw("svg", { width, height, viewBox: `0 0 ${width} ${height}`, class: layers.length > 1 ? "several" : "", "aria-hidden": "true" });
  const paper = draw("rect", { class: "paper", x: left, y: top, width: m * CELL, height: n * CELL });
  paper.addEventListener("click", (event) => {
    const box = paper.getBoundingClientRect();
    const column = Math.min(m - 1, Math.floor((event.clientX - box.left) / CELL));
    oncell(Math.min(n - 1, Math.floor((event.clientY - box.top) / CELL)), mirrored ? m - 1 - column : column, event);
  });
  const rules = [];
  for (let i = 0; i <= n; i += 1) rules.push(`M${left} ${top + i * CELL}h${m * CELL}`);
  for (let j = 0; j <= m; j += 1) rules.push(`M${left + j * CELL} ${top}v${n * CELL}`);
  svg.append(paper,
    draw("rect", { class: "cross", x: left, y: y(cursor.i), width: m * CELL, height: CELL }),
    draw("rect", { class: "cross", x: x(cursor.j), y: top, width: CELL, height: n * CELL }),
    draw("path", { class: "rule", d: rules.join("") }));
  for (const cell of cells) svg.append(...squares(cell, layers, x(cell.j), y(cell.i)));
  names[0].forEach((name, i) => svg.append(draw("text", {
    class: `name${ends[0].has(i) ? "" : " alone"}${i === cursor.i ? " at" : ""}`, x: left - 8, y: y(i) + 18, lang: pair.src.language.lang,
    direction: pair.src.language.dir, "text-anchor": pair.src.language.dir === "rtl" ? "start" : "end", "unicode-bidi": "isolate",
  }, name)));
  names[1].forEach((name, j) => svg.append(draw("text", {
    class: `name${ends[1].has(j) ? "" : " alone"}${j === cursor.j ? " at" : ""}`, lang: pair.tgt.language.lang, direction: pair.tgt.language.dir, "unicode-bidi": "isolate",
    ...(upright
      ? { x: x(j) + CELL / 2, y: top - 8 - widthOf(name), "writing-mode": "vertical-lr" }
      : { transform: `translate(${x(j) + 15} ${top - 7}) rotate(-55)`, "text-anchor": mirrored ? "end" : "start" }),
  }, name)));
  svg.append(draw("rect", { class: "here", x: x(cursor.j) + 1, y: y(cursor.i) + 1, width: CELL - 2, height: CELL - 2 }));
  place.replaceChildren(n && m ? svg : make("p", { class: "small" }, "One side has no words."));
}

function squares(cell, layers, x, y) {
  const kind = kindOf(cell, layers), inner = CELL - 8;
  if (kind === "same") {
    const { prob, sure } = cell.by[0];
    const alone = layers.length === 1 && prob !== null;
    const mark = draw("rect", {
      class: `mark same${cell.by.every((b) => b.sure) ? "" : " possible"}`, x: x + 4, y: y + 4, width: inner, height: inner,
      "fill-opacity": alone ? 0.15 + 0.85 * prob : 1, "stroke-opacity": alone ? 0.4 + 0.6 * prob : 1,
    });
    // The number stands in the square where it says something.
    if (!alone || prob > 0.995) return [mark];
    return [mark, draw("text", { class: `prob${sure && prob > 0.55 ? " on" : ""}`, x: x + CELL / 2, y: y + 17 }, prob.toFixed(2).slice(1))];
  }
  const wide = inner / layers.length;
  return cell.by.map((by) => draw("rect", {
    class: `mark c${by.layer.colour}${by.sure ? "" : " possible"}`, x: x + 4 + by.slot * wide, y: y + 4, width: Math.max(1, wide - 2), height: inner,
  }));
}
