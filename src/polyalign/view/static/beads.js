// Changes of beads: each gives what the server is to do, or null where there is nothing to do.

const replace = (at, count, to) => ({ do: "beads", at, count, to: to.filter(([s, t]) => s.length || t.length) });
const sides = (bead) => [bead[0], bead[1]];

/** A bead and the one after it as one. */
export function merged(beads, { bead }) {
  if (bead + 1 >= beads.length) return null;
  const [a, b] = [beads[bead], beads[bead + 1]];
  const whole = [0, 1].map((s) => [...a[s], ...b[s]].sort((x, y) => x - y));
  return replace(bead, 2, [whole]);
}

/** Two beads, the second beginning with the sentence at the cursor; the other side is divided in the same proportion. */
export function split(beads, { bead, side, n }) {
  const own = beads[bead][side], other = beads[bead][1 - side];
  if (own.length + other.length < 2) return null;
  if (own.length === 1 && other.length > 1) {
    const parts = other.map((k, m) => (m ? [[], [k]] : [own, [k]]));
    return replace(bead, 1, parts.map((p) => (side ? [p[1], p[0]] : p)));
  }
  const cut = own.length === 1 ? 1 : Math.max(1, n);
  const there = Math.min(other.length, Math.max(1, Math.round((other.length * cut) / own.length)));
  if (own.length === 1) return apart(beads, { bead });
  const parts = [[own.slice(0, cut), other.slice(0, there)], [own.slice(cut), other.slice(there)]];
  return replace(bead, 1, parts.map((p) => (side ? [p[1], p[0]] : p)));
}

/** The sides of a bead each by itself. */
export function apart(beads, { bead }) {
  const [src, tgt] = sides(beads[bead]);
  return src.length && tgt.length ? replace(bead, 1, [[src, []], [[], tgt]]) : null;
}

/** The sentence at the cursor, and those before it in its bead, moved to the bead before. */
export function movedUp(beads, { bead, side, n }) {
  if (bead === 0) return null;
  const [before, here] = [sides(beads[bead - 1]).map((x) => [...x]), sides(beads[bead]).map((x) => [...x])];
  before[side] = [...before[side], ...here[side].slice(0, n + 1)].sort((x, y) => x - y);
  here[side] = here[side].slice(n + 1);
  return replace(bead - 1, 2, [before, here]);
}

/** The sentence at the cursor, and those after it in its bead, moved to the bead after. */
export function movedDown(beads, { bead, side, n }) {
  if (bead + 1 >= beads.length) return null;
  const [here, after] = [sides(beads[bead]).map((x) => [...x]), sides(beads[bead + 1]).map((x) => [...x])];
  after[side] = [...here[side].slice(n), ...after[side]].sort((x, y) => x - y);
  here[side] = here[side].slice(0, n);
  return replace(bead, 2, [here, after]);
}
