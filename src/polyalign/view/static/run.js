// The run's page: asks once a second what has happened; a run that has ended is asked about less often.
import { ask, make, visible } from "./base.js";

const TOLD = {
  none: () => "No run has begun in this folder.",
  running: (s) => `Running: ${s.ended} of ${s.steps.length} steps have ended, ${s.took} so far.`,
  quiet: (s) => `No news for ${s.silent}: it is working on one long step, or was stopped. ${s.ended} of ${s.steps.length} steps have ended; the same command goes on where it stopped.`,
  done: (s) => `Done: ${s.steps.length} steps in ${s.took}.`,
  failed: (s) => `Failed after ${s.took}; what had ended is kept. Run it again when the cause is mended.`,
};
const MARK = { finished: "✓", stored: "✓", running: "▸", failed: "✗", waiting: "·" };
let version = "";

function progressOf(row) {
  if (row.state === "running" && row.progress) {
    const p = row.progress;
    const bar = p.total ? make("progress", { max: p.total, value: p.done, "aria-label": `${row.step}: ${p.told}` }) : null;
    return [bar, make("span", { class: "small" }, [visible(p.label), p.told, p.rate, p.left ? `${p.left} left` : ""].filter(Boolean).join(" · "))];
  }
  const told = { stored: "kept from an earlier run", waiting: "waiting", running: "at work" }[row.state] ?? visible(row.told ?? "");
  return [told, row.dropped?.length ? make("div", { class: "small" }, `left out: ${visible(row.dropped.join(", "))}`) : null];
}

function show(state) {
  document.getElementById("project").textContent = visible(state.project) || "Run";
  document.getElementById("state").textContent = TOLD[state.state](state);
  const whole = document.getElementById("whole");
  whole.hidden = !["running", "quiet"].includes(state.state);
  whole.max = Math.max(1, state.steps.length);
  whole.value = state.ended;
  let before = "";
  const rows = state.steps.map((row) => {
    const again = row.step === before;
    before = row.step;
    return make("tr", { class: `${row.state}${again ? " again" : ""}` },
      make("th", { scope: "row" }, make("span", { "aria-hidden": "true" }, `${MARK[row.state]} `), visible(row.step)),
      make("td", {}, row.shown), make("td", {}, again ? "" : make("code", {}, row.method)), make("td", {}, progressOf(row)),
      make("td", { class: "num" }, row.seconds ?? ""), make("td", { class: "num" }, row.memory ?? ""));
  });
  document.querySelector("#steps tbody").replaceChildren(...rows);
  const notes = document.getElementById("notes");
  notes.hidden = !state.notes.length;
  notes.querySelector("ul").replaceChildren(...state.notes.map((note) => make("li", {}, visible(note))));
}

async function watch() {
  let wait = 1000;
  try {
    const state = await ask("/api/run", { since: version });
    if (state.steps) show(state);
    watch.last = state.steps ? state : watch.last;
    version = ["running", "quiet"].includes(watch.last?.state) ? "" : state.version;
    wait = ["done", "failed", "none"].includes(watch.last?.state) ? 5000 : 1000;
  } catch (error) {
    document.getElementById("state").textContent = `${error.message}; trying again`;
    wait = 3000;
  }
  setTimeout(watch, wait);
}
watch();
