#!/usr/bin/env python3
"""Golden losses with dictionaries at several points of the demo's model: tests/golden/study/several.json. A plain
forward of GPT-NeoX (Black et al. 2022) in float64.

    pip install numpy safetensors
    python tests/reference/several.py"""
import json
import math
import os

import numpy as np
from safetensors.numpy import load_file

HERE = os.path.dirname(__file__)
DEMO = os.path.join(HERE, "..", "..", "store", "demo")
LAYERS, D, HEADS, HEAD, ROT, K = 4, 256, 4, 64, 16, 10
# "Rådet skal nu formelt godkende Parlamentets holdning." with the demo's tokenizer
IDS = [50, 308, 897, 524, 958, 578, 574, 1258, 5477, 1270, 2216, 944, 1799, 383, 14]
FILE = "store/demo/sae.safetensors"
ONE, TWO = ["--sae", FILE], ["--sae", FILE, "--sae", FILE, "--hook", "layers.3.attn.out"]
CASES = [  # the SAE at attn.out of a layer, 1 being its own: (fixed latents, error kept); fixed neurons (layer, index)
    (["--neurons", "L1N69,L3N482", "--fix", "L1N69=30,L3N482=-20"], {}, {(1, 69): 30, (3, 482): -20}),
    (ONE + ["--neurons", "L0N5,L3N482", "--fix", "attn_1/418=3,L0N5=12,L3N482=-20", "--insert", "sae"],
     {1: ({418: 3}, False)}, {(0, 5): 12, (3, 482): -20}),
    (ONE + ["--neurons", "L0N5,L3N482", "--fix", "attn_1/418=3,L0N5=12,L3N482=-20", "--insert", "error"],
     {1: ({418: 3}, True)}, {(0, 5): 12, (3, 482): -20}),
    (ONE + ["--neurons", "L3N482", "--fix", "L3N482=-20", "--insert", "sae"], {1: ({}, False)}, {(3, 482): -20}),
    # inserted at chosen places, the others only looked at
    (TWO + ["--insert", "attn_1=sae"], {1: ({}, False)}, {}),
    (TWO + ["--insert", "attn_3=sae"], {3: ({}, False)}, {}),
    (TWO + ["--fix", "attn_1/418=3", "--insert", "attn_1=error,attn_3=sae"], {1: ({418: 3}, True), 3: ({}, False)}, {}),
    (TWO + ["--fix", "attn_1/418=3,attn_3/390=-2", "--insert", "attn_3=error,attn_1=sae"],
     {1: ({418: 3}, False), 3: ({390: -2}, True)}, {}),
    (TWO + ["--neurons", "L2N69", "--fix", "L2N69=30", "--insert", "attn_3=sae"], {3: ({}, False)}, {(2, 69): 30}),
]
W = {k: v.astype(np.float64) for k, v in load_file(os.path.join(DEMO, "model", "model.safetensors")).items()}
SAE = {k: v.astype(np.float64) for k, v in load_file(os.path.join(DEMO, "sae.safetensors")).items()}
erf = np.vectorize(math.erf)


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


def inserted(a, fixed, keep_error):
    p = (a - SAE["b_dec"]) @ SAE["encoder.weight"].T + SAE["encoder.bias"]
    f = np.zeros_like(p)
    top = np.argsort(-p, axis=-1, kind="stable")[:, :K]
    np.put_along_axis(f, top, np.take_along_axis(p, top, -1), -1)
    error = a - f @ SAE["W_dec"] - SAE["b_dec"]
    for latent, value in fixed.items():
        f[:, latent] = value
    return f @ SAE["W_dec"] + SAE["b_dec"] + keep_error * error


def losses(ids, saes, neurons, seen=None):
    """saes: {layer: (fixed latents, error kept)} at attn.out; seen: gets what arrives at a point."""
    seen = {} if seen is None else seen
    x = W["gpt_neox.embed_in.weight"][ids]
    for layer in range(LAYERS):
        name = f"gpt_neox.layers.{layer}."
        seen["attn", layer] = a = attention(norm(x, name + "input_layernorm"), name + "attention")
        if layer in saes:
            a = inserted(a, *saes[layer])
        m = linear(norm(x, name + "post_attention_layernorm"), name + "mlp.dense_h_to_4h")
        seen["mlp", layer] = m = 0.5 * m * (1 + erf(m / math.sqrt(2)))
        m = m.copy()
        for (at, index), value in neurons.items():
            if at == layer:
                m[:, index] = value
        x = x + a + linear(m, name + "mlp.dense_4h_to_h")
    z = norm(x, "gpt_neox.final_layer_norm") @ W["embed_out.weight"].T
    z -= z.max(-1, keepdims=True)
    z -= np.log(np.exp(z).sum(-1, keepdims=True))
    return [-z[t, ids[t + 1]] for t in range(len(ids) - 1)]


# a sweep over the SAE at two points and a neuron between them: all three fixed, and each alone
BY_PLACES = "attn_1=error,attn_3=sae"
UNITS = {"attn_1/418": (1, 418), "L2N69": (2, 69), "attn_3/390": (3, 390)}


def swept(insert, units, value):
    if insert == "none":
        return losses(IDS, {}, {})
    at = {name: UNITS[name] for name in units if value is not None}
    sae = {"sae": {1, 3}, "error": set(), BY_PLACES: {3}}[insert]
    points = sae | {layer for name, (layer, _) in at.items() if name[0] == "a"}
    saes = {layer: ({index: value for name, (l, index) in at.items() if name[0] == "a" and l == layer},
                    layer not in sae) for layer in points}
    return losses(IDS, saes, {unit: value for name, unit in at.items() if name[0] == "L"})


SWEPT = [("none", [], None), ("sae", [], None), ("error", [], None)] + [
    (insert, units, value) for insert in ("sae", "error") for units in [list(UNITS)] + [[u] for u in UNITS]
    for value in (-2.0, 3.0)] + [(BY_PLACES, [], None)] + [
    (BY_PLACES, units, value) for units in [list(UNITS)] + [[u] for u in UNITS] for value in (-2.0, 3.0)]
at = {}
losses(IDS, {}, {}, at)
pre = (at["attn", 3] - SAE["b_dec"]) @ SAE["encoder.weight"].T + SAE["encoder.bias"]
kept = np.sort(pre, axis=-1)[:, -K]

golden = {"ids": IDS, "cases": [{"args": args, "losses": losses(IDS, saes, neurons)} for args, saes, neurons in CASES],
          "swept": [{"insert": insert, "unit": units[0] if len(units) == 1 else None, "value": value,
                     "loss": float(np.mean(swept(insert, units, value)))} for insert, units, value in SWEPT],
          "pre": {"attn_3/967": pre[:, 967].tolist(), "L2N69": at["mlp", 2][:, 69].tolist()},
          "act": {"attn_3/967": np.where(pre[:, 967] >= kept, pre[:, 967], 0).tolist(),
                  "L2N69": at["mlp", 2][:, 69].tolist()}}
with open(os.path.join(HERE, "..", "golden", "study", "several.json"), "w") as f:
    json.dump(golden, f, indent=1)
    f.write("\n")
