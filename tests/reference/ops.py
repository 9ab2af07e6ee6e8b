#!/usr/bin/env python3
"""Writes tests/golden/ops/ops.txt: inputs of every operation of engine/backend.h and its results in float64.

    pip install torch==2.15.0 transformers==5.23.0 numpy
    python tests/reference/ops.py        from the root of the repository

The file: for each array a line "name dtype rows cols", then its numbers. Inputs are float32 or float16, which nine
digits hold exactly; results are float64 before they are written."""
import numpy as np
import torch
import torch.nn.functional as F
from transformers.models.gpt_neox.modeling_gpt_neox import apply_rotary_pos_emb

OUT = "tests/golden/ops/ops.txt"
rng = np.random.default_rng(20240607)
lines = []


def put(name, a, dtype):
    a = np.asarray(a.detach().numpy() if isinstance(a, torch.Tensor) else a)
    a = a.reshape(a.shape[0] if a.ndim > 1 else 1, -1)
    lines.append(f"{name} {dtype} {a.shape[0]} {a.shape[1]}")
    for row in a:
        lines.append(" ".join(str(int(v)) if dtype == "i32" else f"{float(v):.9g}" for v in row))


def given(name, *shape, scale=1.0, half=False):
    """A random input, as the operation gets it, in float64."""
    a = (rng.standard_normal(shape) * scale).astype(np.float16 if half else np.float32)
    put(name, a.astype(np.float64), "f16" if half else "f32")
    return torch.tensor(a.astype(np.float64))


def result(name, a):
    put(name, a, "f64")


x, w, b = given("linear.x", 5, 24), given("linear.w", 37, 24, scale=0.3, half=True), given("linear.bias", 37)
result("linear.none", F.linear(x, w, b))
result("linear.gelu", F.gelu(F.linear(x, w, b)))
y = given("linear.y", 5, 37)
result("linear.add", y + F.linear(x, w, b))

x = given("act.x", 3, 41, scale=2.0)
result("act.gelu", F.gelu(x))
result("act.tanh", F.gelu(x, approximate="tanh"))
result("act.relu", F.relu(x))

x, gamma, beta = given("norm.x", 4, 29, scale=3.0), given("norm.gamma", 29), given("norm.beta", 29)
result("norm.y", F.layer_norm(x, (29,), gamma, beta, 1e-5))

# Two sequences of 11 and 6 rows; 3 heads of 12, of which 6 are rotated; q, k, v adjacent in each head.
HEADS, DIM, ROT, LENGTHS = 3, 12, 6, (11, 6)
qkv = given("attn.qkv", sum(LENGTHS), 3 * HEADS * DIM)
inv_freq = 1.0 / (10000.0 ** (torch.arange(0, ROT, 2, dtype=torch.int64).float() / ROT))
outs, first = [], 0
for n in LENGTHS:
    q, k, v = qkv[first : first + n].view(n, HEADS, 3 * DIM).transpose(0, 1)[None].chunk(3, dim=-1)
    angle = torch.arange(n).float()[:, None] * inv_freq
    angle = torch.cat((angle, angle), dim=-1)[None].double()
    q, k = apply_rotary_pos_emb(q, k, angle.cos(), angle.sin())
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=DIM**-0.5)
    outs.append(y[0].transpose(0, 1).reshape(n, HEADS * DIM))
    first += n
result("attn.y", torch.cat(outs))

h, u = given("vocab.h", 6, 20), given("vocab.u", 150, 20, half=True)
target = rng.integers(0, 150, 6)
put("vocab.target", target, "i32")
logits = F.linear(h, u)
result("vocab.loss", F.cross_entropy(logits, torch.tensor(target), reduction="none"))
top = torch.topk(F.log_softmax(logits, dim=-1), 7, dim=-1)
put("vocab.ids", top.indices, "i32")
result("vocab.logp", top.values)

pre = given("select.pre", 4, 120)
top = torch.topk(pre, 9, dim=-1)
put("select.ids", top.indices, "i32")
result("select.vals", top.values)

w, bias, vals = given("decode.w", 33, 18, half=True), given("decode.bias", 18), given("decode.vals", 5, 8)
ids = np.stack([rng.permutation(33)[:8] for _ in range(5)])
put("decode.ids", ids, "i32")
f = torch.zeros(5, 33, dtype=torch.float64).scatter_(1, torch.tensor(ids), vals)
result("decode.y", f @ w + bias)
result("decode.rows", w[torch.tensor(ids[:, 0])])

y, c, u = given("outer.y", 4, 22), given("outer.c", 4, 3), given("outer.u", 3, 22)
result("outer.sum", y + c @ u)

with open(OUT, "w", encoding="ascii") as out:
    out.write("\n".join(lines) + "\n")
