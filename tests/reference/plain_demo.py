"""The demo's model and SAE in numpy float64, every hook point open: a plain forward of GPT-NeoX (Black et al. 2022).
For neuron.py and several.py."""
import math
import os

import numpy as np
from safetensors.numpy import load_file
from scipy.special import erf

DEMO = os.path.join(os.path.dirname(__file__), "..", "..", "store", "demo")
OUT = os.path.join(os.path.dirname(__file__), "..", "golden", "study")
LAYERS, D, HEADS, HEAD, ROT, K = 4, 256, 4, 64, 16, 10
W = {k: v.astype(np.float64) for k, v in load_file(os.path.join(DEMO, "model", "model.safetensors")).items()}
SAE = {k: v.astype(np.float64) for k, v in load_file(os.path.join(DEMO, "sae.safetensors")).items()}


def linear(x, name):
    return x @ W[name + ".weight"].T + W[name + ".bias"]


def norm(x, name):
    c = x - x.mean(-1, keepdims=True)
    return c / np.sqrt((c**2).mean(-1, keepdims=True) + 1e-5) * W[name + ".weight"] + W[name + ".bias"]


def rotate(x):  # [T, heads, HEAD]
    turn = np.outer(np.arange(len(x)), (1 / 10000 ** (np.arange(0, ROT, 2) / ROT)).astype(np.float32).astype(np.float64))
    c, s, u, v = np.cos(turn)[:, None], np.sin(turn)[:, None], x[..., :ROT // 2], x[..., ROT // 2:ROT]
    return np.concatenate([u * c - v * s, v * c + u * s, x[..., ROT:]], -1)


def attention(x, name):
    t = len(x)
    z = linear(x, name + ".query_key_value").reshape(t, HEADS, 3 * HEAD)
    q, k, v = rotate(z[..., :HEAD]), rotate(z[..., HEAD:2 * HEAD]), z[..., 2 * HEAD:]
    s = np.where(np.tri(t, dtype=bool), np.einsum("thd,shd->hts", q, k) / math.sqrt(HEAD), -np.inf)
    p = np.exp(s - s.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    return linear(np.einsum("hts,shd->thd", p, v).reshape(t, D), name + ".dense")


def encode(a):
    """Signed top k as a dense code."""
    p = (a - SAE["b_dec"]) @ SAE["encoder.weight"].T + SAE["encoder.bias"]
    f = np.zeros_like(p)
    top = np.argsort(-p, axis=-1, kind="stable")[:, :K]
    np.put_along_axis(f, top, np.take_along_axis(p, top, -1), -1)
    return f


def decode(f):
    return f @ SAE["W_dec"] + SAE["b_dec"]


def forward(ids, change=lambda point, x: x):
    """Logits, and every point of the model; change(point, x) gives what goes on from there."""
    seen = {}

    def at(point, x):
        seen[point] = change(point, x)
        return seen[point]
    x = at("embed", W["gpt_neox.embed_in.weight"][ids])
    for layer in range(LAYERS):
        name, here = f"gpt_neox.layers.{layer}.", f"layers.{layer}."
        x = at(here + "resid.pre", x)
        a = at(here + "attn.out", attention(norm(x, name + "input_layernorm"), name + "attention"))
        m = at(here + "mlp.pre", linear(norm(x, name + "post_attention_layernorm"), name + "mlp.dense_h_to_4h"))
        m = at(here + "mlp.act", 0.5 * m * (1 + erf(m / math.sqrt(2))))
        m = at(here + "mlp.out", linear(m, name + "mlp.dense_4h_to_h"))
        x = at(here + "resid.post", x + a + m)
    h = at("final_norm", norm(x, "gpt_neox.final_layer_norm"))
    return h @ W["embed_out.weight"].T, seen


def log_softmax(z):
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def losses(logits, ids):
    p = log_softmax(logits)
    return [-p[t, ids[t + 1]] for t in range(len(ids) - 1)]
