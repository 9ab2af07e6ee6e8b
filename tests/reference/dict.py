#!/usr/bin/env python3
"""Golden results of the SAEs: tests/golden/dict/results.safetensors and small .pt files as the Danish paper's authors
write them.

    pip install torch==2.15.0 numpy safetensors
    python tests/reference/dict.py

The formulas are those of the paper in float64; weights of the safetensors cases come from hash_weights.py."""
import json
import os
import sys

import numpy as np
import torch
from safetensors.numpy import save_file

sys.path.insert(0, os.path.dirname(__file__))
import hash_weights as hw  # noqa: E402

OUT = os.path.join(os.path.dirname(__file__), "..", "golden", "dict")
T, N, M = 9, 40, 96
UNITS = [(3, "fix", 2.5), (17, "scale", 3.0), (8, "zero", 0.0), (21, "add", 0.75), (95, "fix", -4.0)]
# k, ReLU, centred, decoder bias, dtype, selection (values of the format's metadata)
CASES = {
    "never-centred": (5, "never", True, True, "f32"),
    "never": (7, "never", False, True, "f16"),
    "no-bias": (1, "never", False, False, "bf16"),
    "before": (60, "before", True, True, "f32"),
    "after": (60, "after", False, True, "f16"),
    "all-of-them": (96, "never", True, True, "bf16"),
    "abs-never": (9, "never", True, True, "f32", "abstopk"),
    "abs-after": (9, "after", False, True, "f16", "abstopk"),
    "abs-before": (9, "before", True, True, "f32", "abstopk"),
    "jump": (0, "after", True, True, "f32", "threshold"),
    "jump-signed": (0, "never", False, True, "f16", "threshold"),
    "one-threshold": (0, "before", True, True, "f32", "threshold-1"),
    "gated": (0, "before", True, True, "f32", "gated"),
    "gated-half": (0, "before", False, False, "f16", "gated"),
    "groups": (12, "before", True, True, "f32", "groupmax"),
    "groups-signed": (12, "never", False, True, "bf16", "groupmax"),
    "relu": (0, "before", True, True, "f16", "all"),
    "linear": (0, "never", False, True, "f32", "all"),
}


def selected(pre, k, relu, select, extra):
    """The code [T, m]: 0 where a latent is not active."""
    p = np.maximum(pre, 0) if relu == "before" else pre
    code = np.zeros_like(p)
    if select in ("topk", "abstopk"):
        order = np.argsort(-np.abs(p) if select == "abstopk" else -p, axis=-1, kind="stable")[:, :k]
        np.put_along_axis(code, order, np.take_along_axis(p, order, -1), -1)
    elif select.startswith("threshold"):
        code = np.where(p > extra["threshold"], p, 0)
    elif select == "gated":  # p is what the gate looks at
        e = pre - extra["gate_bias"]
        code = np.where(pre > 0, np.maximum(np.exp(extra["r_mag"]) * e + extra["mag_bias"], 0), 0)
    elif select == "groupmax":
        for t in range(len(p)):
            for g in range(k):
                group = slice(g * p.shape[1] // k, (g + 1) * p.shape[1] // k)
                best = group.start + np.argmax(p[t, group])
                code[t, best] = p[t, best]
    else:
        code = p
    return np.maximum(code, 0) if relu == "after" else code


def listed(code, select):
    """Active latents of each row in the order of the kind, −1 behind the last: ids and values [T, longest]."""
    key = {"topk": -code, "abstopk": -np.abs(code)}.get(select)
    rows = []
    for t, row in enumerate(code):
        active = np.flatnonzero(row)
        rows.append(active if key is None else active[np.argsort(key[t, active], kind="stable")])
    ids = np.full((len(code), max(len(r) for r in rows)), -1, np.int32)
    vals = np.zeros(ids.shape)
    for t, r in enumerate(rows):
        ids[t, :len(r)] = r
        vals[t, :len(r)] = code[t, r]
    return ids, vals


def results(x, w_e, b_e, w_d, b, k, relu, centre, select="topk", extra=None):
    """x [T, n]; w_e, w_d [m, n]; b [n] the decoder's bias, subtracted first when `centre`."""
    pre = (x - b if centre else x) @ w_e.T + b_e
    code = selected(pre, k, relu, select, extra)
    order, vals = listed(code, select)
    x_hat = code @ w_d + b
    new = code.copy()
    change = np.zeros((len(x), len(UNITS)))
    for j, (i, mode, v) in enumerate(u for u in UNITS if u[0] < w_e.shape[0]):
        f = code[:, i]
        new[:, i] = {"fix": v, "scale": v * f, "zero": 0, "add": f + v}[mode]
        change[:, j] = new[:, i] - f
    return {"pre": pre, "ids": order, "vals": vals, "x_hat": x_hat, "change": change,
            "insert": new @ w_d + b, "insert_error": x + (new - code) @ w_d}


def add(out, name, r):
    for k, v in r.items():
        out[f"{name}/{k}"] = v if v.dtype == np.int32 else v.astype(np.float32)


def hashed():
    out = {}
    x = hw.uniform("x", (T, N), 0).astype(np.float64)
    for name, (k, relu, centre, bias, dtype, *select) in CASES.items():
        select = select[0] if select else "topk"
        bf16 = dtype == "bf16"
        w_e = hw.uniform("encoder.weight", (M, N), 1, bf16).astype(np.float64)
        w_d = hw.uniform("W_dec", (M, N), 1, bf16).astype(np.float64)
        extra = {a: hw.uniform(a, (M,), exponent, bf16).astype(np.float64)
                 for a, exponent in (("threshold", 1), ("gate_bias", 3), ("mag_bias", 2), ("r_mag", 1))}
        if select == "threshold-1":
            extra["threshold"] = extra["threshold"][:1]
        b_e = extra["gate_bias"] if select == "gated" else hw.uniform("encoder.bias", (M,), 3, bf16).astype(np.float64)
        b = hw.uniform("b_dec", (N,), 1, bf16).astype(np.float64) if bias else np.zeros(N)
        add(out, name, results(x, w_e, b_e, w_d, b, k, relu, centre, select, extra))
    behind = hw.uniform("behind", (24, N), 1).astype(np.float64)
    rows = hw.uniform("W_dec", (M, N), 1).astype(np.float64)[[u[0] for u in UNITS]]
    out["push"] = rows.astype(np.float32)
    out["pushed"] = (rows @ behind.T).astype(np.float32)
    return out


class SparseAutoencoder(torch.nn.Module):
    """The parameters of the authors' module, by their names and shapes."""

    def __init__(self, n, m, tied, pre_bias, b2):
        super().__init__()
        g = torch.Generator().manual_seed(n * m)
        self.W = torch.nn.Parameter(torch.randn(m, n, generator=g) * 0.3)
        if not tied:
            self.WT = torch.nn.Parameter(torch.randn(n, m, generator=g) * 0.3)
        self.b1 = torch.nn.Parameter(torch.randn(m, generator=g) * 0.1)
        if pre_bias:
            self.pre_encode_b = torch.nn.Parameter(torch.randn(n, generator=g) * 0.5)
        if b2:
            self.b2 = torch.nn.Parameter(torch.randn(n, generator=g) * 0.5)


def authors(out):
    # path, n, m, tied, pre_encode_b, b2, k, what the .json says
    cases = [
        ("topk4/gpt_neox.layers.1.mlp.act", 20, 48, False, True, False, 4,
         dict(k=4, hookpoint="gpt_neox.layers.1.mlp.act", pre_encoder_bias=True, same_W=False)),
        # the .json contradicts the tensors and the name in everything, as some published ones do
        ("k3_topk3_activation_function_topk_pre_encoder_bias_False", 16, 40, True, False, False, 3,
         dict(k=30, hookpoint="gpt_neox.layers.3.mlp.act", pre_encoder_bias=True, same_W=False,
              activation_function="relu")),
        ("old.layers.2", 16, 32, False, False, True, 6, dict(k=6, hookpoint="layers.2.mlp.out")),
    ]
    for path, n, m, tied, pre_bias, b2, k, config in cases:
        model = SparseAutoencoder(n, m, tied, pre_bias, b2)
        full = os.path.join(OUT, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        torch.save(model.state_dict(), full + ".pt")
        config = dict(input_size=n, hidden_size=m, **config, batch_size=32, num_batches_trained_on=10,
                      learning_rate=0.001)
        with open(full + ".json", "w") as f:
            json.dump(config, f, indent=4)
        p = {a: v.detach().double().numpy() for a, v in model.named_parameters()}
        x = hw.uniform("x", (T, n), 0).astype(np.float64)
        b = p.get("pre_encode_b", p.get("b2", np.zeros(n)))
        w_e = p["W"] if tied else p["WT"].T
        add(out, os.path.basename(path), results(x, w_e, p["b1"], p["W"], b, k, "never", pre_bias))


if __name__ == "__main__":
    os.makedirs(OUT, exist_ok=True)
    found = hashed()
    authors(found)
    save_file(found, os.path.join(OUT, "results.safetensors"))
