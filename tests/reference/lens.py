#!/usr/bin/env python3
"""Golden results of the logit lens and of neighbours: tests/golden/study/lens.json.

    pip install numpy safetensors
    python tests/reference/lens.py

Float64 from the shipped demo bundle and from the small model in hash weights of tests/support/tiny_model.c: the first ROWS
promoted and suppressed tokens as [id, logit], the first ROWS neighbours as [latent, cosine]. The logit of a token is
gamma * (u - mean u) through the unembedding, minus the mean over the tokenizer's ids."""
import json
import os
import sys

import numpy as np
from safetensors.numpy import load_file

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import hash_weights as hw  # noqa: E402

ROOT = os.path.join(HERE, "..", "..")
OUT = os.path.join(ROOT, "tests", "golden", "study")
ROWS = 10
TINY = (0, 1, 17, 40, 79)


def n_tokens(path):
    t = json.load(open(path, encoding="utf-8"))
    return max(list(t["model"]["vocab"].values()) + [a["id"] for a in t["added_tokens"]]) + 1


def ends(logits, tokens):
    x = logits[:tokens] - logits[:tokens].mean()
    out = {}
    for name, sign in (("promoted", 1), ("suppressed", -1)):
        order = np.argsort(-sign * x, kind="stable")[:ROWS + 1]
        gap = -np.diff(sign * x[order])
        assert np.all((gap == 0) | (gap > 2e-5)), "a rank that float32 could not tell: choose another latent"
        out[name] = [[int(i), float(x[i])] for i in order[:ROWS]]
    return out


def neighbours(decoder, j):
    norm = np.linalg.norm(decoder, axis=1)
    cosine = decoder @ decoder[j] / norm / norm[j]
    cosine[j] = -2
    order = np.argsort(-cosine, kind="stable")[:ROWS]
    return [[int(i), float(cosine[i])] for i in order]


def lens(u, gamma, unembed, tokens):
    return ends(unembed @ (gamma * (u - u.mean())), tokens)


def demo():
    d = os.path.join(ROOT, "store", "demo")
    model = {k: v.astype(np.float64) for k, v in load_file(os.path.join(d, "model", "model.safetensors")).items()}
    decoder = load_file(os.path.join(d, "sae.safetensors"))["W_dec"].astype(np.float64)
    tokens = n_tokens(os.path.join(d, "model", "tokenizer.json"))
    gamma, unembed = model["gpt_neox.final_layer_norm.weight"], model["embed_out.weight"]
    sae = {j: {**lens(decoder[j], gamma, unembed, tokens), "neighbours": neighbours(decoder, j)}
           for j in (418, 390, 92, 527, 559, 348, 0)}
    down = model["gpt_neox.layers.2.mlp.dense_4h_to_h.weight"]
    neurons = {j: {**lens(down[:, j], gamma, unembed, tokens), "neighbours": []} for j in (0, 5, 1023)}
    final = {j: {**ends(unembed[:, j], tokens), "neighbours": []} for j in (7, 255)}
    return {"demo": sae, "demo layers.2.mlp.act": neurons, "demo final_norm": final}


def tiny():
    d_model, d_mlp, vocab, latents = 32, 48, 704, 80
    decoder = hw.uniform("W_dec", (latents, d_mlp), 2).astype(np.float64)
    down = hw.uniform("gpt_neox.layers.1.mlp.dense_4h_to_h.weight", (d_model, d_mlp), 2).astype(np.float64)
    unembed = hw.uniform("embed_out.weight", (vocab, d_model), 2).astype(np.float64)
    gamma = hw.gamma("gpt_neox.final_layer_norm.weight", (d_model,)).astype(np.float64)
    tokens = n_tokens(os.path.join(ROOT, "tests", "golden", "text", "tokenizer.json"))
    assert tokens < vocab
    return {"tiny": {j: {**lens(down @ decoder[j], gamma, unembed, tokens), "neighbours": neighbours(decoder, j)}
                     for j in TINY}}


if __name__ == "__main__":
    os.makedirs(OUT, exist_ok=True)
    with open(os.path.join(OUT, "lens.json"), "w", encoding="utf-8") as f:
        json.dump({**demo(), **tiny()}, f, separators=(",", ":"))
        f.write("\n")
