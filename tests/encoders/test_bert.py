import numpy as np
import pytest
from scipy.special import erf

from polyalign.core.jit import set_threads
from polyalign.core.ragged import offsets
from polyalign.encoders.bert import Bert, Layer, Norm
from polyalign.kernels.bert import add_norm, attention, gelu

D, F, HEADS, LONGEST = 32, 48, 2, 70


def random(seed, *shape, scale=1.0):
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


def slow_attention(qkv, bounds, heads):
    q, k, v = (x.astype(np.float64) for x in np.split(qkv, 3, axis=1))
    out = np.zeros_like(q)
    size = q.shape[1] // heads
    for a, b in zip(bounds, bounds[1:], strict=False):
        for h in range(heads):
            at = slice(h * size, (h + 1) * size)
            scores = q[a:b, at] @ k[a:b, at].T
            weights = np.exp(scores - scores.max(axis=1, keepdims=True))
            out[a:b, at] = weights / weights.sum(axis=1, keepdims=True) @ v[a:b, at]
    return out


@pytest.fixture(scope="module")
def bert():
    def layer(s):
        norms = [Norm(1 + random(s + i, D, scale=0.1), random(s + i + 1, D, scale=0.1)) for i in (20, 30)]
        return Layer(
            random(s, D, 3 * D, scale=0.3),
            random(s + 1, D),
            random(s + 2, D, D, scale=0.3),
            random(s + 3, D),
            norms[0],
            random(s + 4, D, F, scale=0.3),
            random(s + 5, F),
            random(s + 6, F, D, scale=0.3),
            random(s + 7, D),
            norms[1],
        )

    norm = Norm(1 + random(90, D, scale=0.1), random(91, D))
    return Bert(random(92, LONGEST, D), norm, (layer(100), layer(200)), HEADS, 1e-12)


def slow_norm(x, norm):
    x = x - x.mean(axis=1, keepdims=True)
    return x / np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-12) * norm.weight + norm.shift


def slow_hidden(bert, words, bounds, depth):
    places = np.concatenate([np.arange(b - a) for a, b in zip(bounds, bounds[1:], strict=False)])
    x = slow_norm(words.astype(np.float64) + bert.positions[places], bert.norm)
    for w in bert.layers[:depth]:
        qkv = x @ w.qkv
        qkv[:, :D] += w.query_bias
        x = slow_norm(x + slow_attention(qkv, bounds, bert.heads) @ w.joined + w.joined_bias, w.joined_norm)
        y = x @ w.inner + w.inner_bias
        x = slow_norm(x + y * (1 + erf(y / np.sqrt(2))) / 2 @ w.outer + w.outer_bias, w.outer_norm)
    return x


LENGTHS = [1, 2, 7, 8, 9, 33, LONGEST]


def test_attention_is_softmax_within_each_text():
    bounds = offsets(LENGTHS)
    qkv = random(1, bounds[-1], 3 * D, scale=1.5)
    out = np.empty((len(qkv), D), np.float32)
    attention(qkv, bounds, HEADS, out)
    assert np.abs(out - slow_attention(qkv, bounds, HEADS)).max() < 1e-5


def test_attention_to_scores_far_apart():
    """The exponential of what is far below the best is nothing, not something wrapped around."""
    qkv = np.zeros((9, 3 * D), np.float32)
    qkv[:, 0], qkv[:, D] = 1, [-1e30, -1e4, -200, -90, -1, 0, 1e4, 2e4, 2e4]
    qkv[:, 2 * D :] = np.arange(9)[:, None]
    out = np.empty((9, D), np.float32)
    attention(qkv, offsets([9]), HEADS, out)
    assert out[:, : D // 2] == pytest.approx(7.5)
    assert out[:, D // 2 :] == pytest.approx(4)


def test_gelu_is_exact_to_a_millionth():
    x = np.concatenate([np.linspace(-12, 12, 40_001), [-1e4, -40, 0, 40, 1e4]]).astype(np.float32).reshape(2, -1)
    bias = random(2, x.shape[1])
    y = (x + bias).astype(np.float64)
    exact = y * (1 + erf(y / np.sqrt(2))) / 2
    gelu(x, bias)
    assert np.abs((x - exact) / np.maximum(1, np.abs(exact))).max() < 1e-6


def test_residual_and_norm():
    x, y, norm = random(3, 5, D), random(4, 5, D), Norm(random(5, D), random(6, D))
    bias = random(7, D)
    y[4] = -x[4] - bias + 3
    expected = slow_norm(x.astype(np.float64) + y + bias, norm)
    add_norm(x, y, bias, norm.weight, norm.shift, 1e-12)
    assert np.abs(x - expected)[:4].max() < 1e-5
    # A row of nothing but one number has no direction; it stays finite.
    assert np.isfinite(x).all()


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_hidden_states_are_those_of_the_textbook(bert, depth):
    bounds = offsets(LENGTHS)
    words = random(8, bounds[-1], D)
    expected = slow_hidden(bert, words, bounds, depth)
    assert np.abs(next(bert.hidden(words.copy(), bounds, [depth])) - expected).max() < 1e-4


def test_a_text_is_read_alone(bert):
    bounds = offsets(LENGTHS)
    words = random(9, bounds[-1], D)
    together = next(bert.hidden(words.copy(), bounds, [2]))
    for a, b in zip(bounds, bounds[1:], strict=False):
        alone = next(bert.hidden(words[a:b].copy(), offsets([b - a]), [2]))
        assert np.abs(alone - together[a:b]).max() < 1e-5


def test_threads_change_no_byte_of_the_kernels():
    bounds = offsets(LENGTHS)
    qkv, bias = random(10, bounds[-1], 3 * D), random(11, 3 * D)
    found = []
    for threads in (1, 0):
        set_threads(threads)
        out, x, y = np.empty((len(qkv), D), np.float32), qkv.copy(), qkv.copy()
        attention(qkv, bounds, HEADS, out)
        gelu(x, bias)
        add_norm(y, x, bias, bias, bias, 1e-12)
        found.append(out.tobytes() + x.tobytes() + y.tobytes())
    set_threads(0)
    assert found[0] == found[1]
