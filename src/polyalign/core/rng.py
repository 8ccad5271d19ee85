"""Random numbers from counters instead of state: the number depends on where it is used alone.

A stream is keyed by (seed, iteration, item), so the order in which threads reach the items does
not change a single draw, and a resumed run draws what an uninterrupted one would have.

References: steele2014fast
"""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import U64, kernel

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S32, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32), np.uint64(11)


@kernel()
def mix(x: np.uint64) -> np.uint64:
    """SplitMix64's finaliser: a bijection of 64-bit words that scatters neighbouring inputs."""
    x = np.uint64((x ^ (x >> _S30)) * _MIX1)
    x = np.uint64((x ^ (x >> _S27)) * _MIX2)
    return np.uint64(x ^ (x >> _S31))


@kernel()
def absorb(h: np.uint64, x: np.uint64) -> np.uint64:
    """One step of the hash of a sequence: what `h` has of it so far, and its next element; `mix` ends it."""
    h = np.uint64((h ^ x) * GOLDEN)
    return np.uint64(h ^ (h >> _S32))


@kernel()
def stream(seed: int, iteration: int, item: int) -> U64:
    """A stream of its own for one item of one iteration: a (1,) uint64 state for `uniform`."""
    key = mix(np.uint64(seed) + GOLDEN)
    key = mix(key ^ (np.uint64(iteration) * GOLDEN + _MIX1))
    key = mix(key ^ (np.uint64(item) * GOLDEN + _MIX2))
    state = np.empty(1, np.uint64)
    state[0] = key
    return state


@kernel()
def uniform(state: U64) -> float:
    """The stream's next number, uniform on [0, 1), with 53 random bits."""
    state[0] += GOLDEN
    return float(mix(state[0]) >> _S11) * (1.0 / 9007199254740992.0)


def generator(seed: int, name: str) -> np.random.Generator:
    """A NumPy generator for code outside kernels, independent for every name."""
    return np.random.default_rng([seed, *name.encode()])
