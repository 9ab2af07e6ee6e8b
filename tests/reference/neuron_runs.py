#!/usr/bin/env python3
"""Golden numbers of two runs that differ in what units do, on the demo's model: tests/golden/study/neuron_runs.json,
by a plain forward in float64 (neuron.py says of which packages).

    python tests/reference/neuron_runs.py

N on: at its mean on Danish, off: on English, of positions 3 to 20 of the first TEXTS sentences of each class."""
import json
import os

import neuron
import neuron_boosts as boosts
import numpy as np
import plain_demo as demo

N, LATER, HELD, TEXTS, LAYER, TOP, WEIGHT = "L2N442", ["L3N909", "L3N12"], "L1N75", 16, 3, 6, 0.5
TEXT, AT = "Regeringen har besluttet det.", 4
SPREAD = ["attn_1/418", "L1N75", "L2N442"]  # of several components, for what a stream is made of
POINTS = [f"layers.{layer}.resid.pre" for layer in range(demo.LAYERS)] + [f"layers.{demo.LAYERS - 1}.resid.post"]
PATCHED = ["layers.1.attn.out", "layers.1.mlp.out", "layers.2.attn.out", "layers.2.mlp.out", "layers.3.attn.out",
           "layers.3.mlp.out"]
FEW = 5  # sentences of each class for these
UC = boosts.GAMMA * (boosts.U - boosts.U.mean(0))  # folded and centred


def f32(x):
    return float(np.float32(x))


def both(*changes):
    def change(point, x):
        for c in changes:
            x = c(point, x)
        return x
    return change


def shifted(values, at=None):
    """Pre-activations of later neurons, moved or set."""
    def change(point, x):
        for u, v in values.items():
            layer, index = u[1:].split("N")
            if point == f"layers.{layer}.mlp.pre":
                x = x.copy()
                x[:, int(index)] = v if at is None else at[u] + v
        return x

    def move(point, x):
        for u, v in values.items():
            layer, index = u[1:].split("N")
            if point == f"layers.{layer}.mlp.pre":
                x = x.copy()
                x[:, int(index)] += v
        return x
    return move if at is None else change


def texts(cls, n=TEXTS):
    return neuron.sentences(cls)[:n]


def pre(change, ids):
    return demo.forward(ids, change)[1][f"layers.{LAYER}.mlp.pre"]


def log_probabilities(ids, change):
    return demo.log_softmax(demo.forward(ids, change)[0])


# ---- a text
def position(a, b):
    ids = [0] + neuron.TOKENIZER.encode(TEXT, add_special_tokens=False).ids
    p, q = log_probabilities(ids, a), log_probabilities(ids, b)
    kept = np.flatnonzero(~((p[AT] <= -7) & (q[AT] <= -7)))

    def best(by):
        order = kept[np.argsort(-by[kept], kind="stable")][:TOP]
        return [[int(i), float(p[AT][i]), float(q[AT][i])] for i in order]
    d = p[AT] - q[AT]
    return {"kept": len(kept), "a": best(p[AT]), "b": best(q[AT]), "boosted": best(d), "reduced": best(-d),
            "losses": [[float(-x[t, ids[t + 1]]) for t in range(len(ids) - 1)] for x in (p, q)]}


# ---- later neurons
def downstream(on, off):
    d = np.concatenate([pre(on, ids) - pre(off, ids) for c in neuron.CLASSES for ids in texts(c)])
    mean, sd = d.mean(0), d.std(0, ddof=1)
    order = np.argsort(-(np.abs(mean) - sd), kind="stable")[:20]
    return {"tokens": len(d), "top": [[int(i), float(mean[i]), float(sd[i])] for i in order],
            "sum_abs": float(np.abs(mean).sum()), "sum_sd": float(sd.sum())}


def shift(on, off):
    out, pooled = {}, {}
    for u in LATER:
        j = int(u.split("N")[1])
        x = {c: [np.concatenate([pre(r, ids)[neuron.FROM:neuron.TO + 1, j] for ids in texts(c)]) for r in (on, off)]
             for c in neuron.CLASSES}
        out[u] = {c: float(x[c][1].mean() - x[c][0].mean()) for c in x}
        both_classes = [np.concatenate([x[c][i] for c in x]) for i in (0, 1)]
        out[u]["all"] = pooled[u] = float(both_classes[1].mean() - both_classes[0].mean())
        out[u]["tokens"] = {c: len(x[c][0]) for c in x}
    return out, {u: f32(v) for u, v in pooled.items()}


def runs(a, b):
    """Of each text both mean losses and the best token: its score and position."""
    out = {}
    for c in neuron.CLASSES:
        rows = []
        for ids in texts(c):
            loss = [np.array(demo.losses(demo.forward(ids, r)[0], ids)) for r in (a, b)]
            score = loss[1] - loss[0] + WEIGHT * np.maximum(-loss[0], -loss[1])
            rows.append([float(loss[0].mean()), float(loss[1].mean()), float(score.max()), int(score.argmax()) + 1])
        out[c] = rows
    return out


# ---- what the stream is made of
def scale(r):
    c = r - r.mean(-1, keepdims=True)
    return np.sqrt((c**2).mean(-1, keepdims=True) + 1e-5)


def said(r, s, ids):
    """What a residual stream says for the tokens that come next: their logits less the mean logit and the bias."""
    r, s = r[:len(ids) - 1], s[:len(ids) - 1]
    return float((((r - r.mean(-1, keepdims=True)) / s) * UC[ids[1:]]).sum(-1).mean())


def loss_of(r, ids):
    return float(np.mean(demo.losses(demo.norm(r, "gpt_neox.final_layer_norm") @ boosts.U.T, ids)))


def component(unit):
    return neuron.place(unit)[0].rsplit(".", 2)[0] + (".attn.out" if "attn" in unit else ".mlp.out")


def written_directly(off, seen):
    """What the units write more in the off run, all else as in the plain one."""
    total = 0
    for u, v in off.items():
        point, index, latent = neuron.place(u)
        if latent:
            total = total + (v - demo.encode(seen[point])[:, [index]]) * demo.SAE["W_dec"][index]
        else:
            w = demo.W[f"gpt_neox.layers.{point.split('.')[1]}.mlp.dense_4h_to_h.weight"][:, index]
            total = total + (v - seen[point][:, [index]]) * w
    return total


def stream(off):
    out = {}
    for c in neuron.CLASSES:
        rows = {"plain": [], "off": [], "frozen": [], "loss": [], "patched": [], "effects": [], "effects_logit": [],
                "effects_frozen": []}
        for ids in texts(c, FEW):
            plain, changed = demo.forward(ids)[1], demo.forward(ids, neuron.latents_held(off))[1]
            end = POINTS[-1]
            s = [scale(plain[end]), scale(changed[end])]
            rows["plain"].append([said(plain[p], s[0], ids) for p in POINTS])
            rows["off"].append([said(changed[p], s[1], ids) for p in POINTS])
            rows["frozen"].append([said(changed[p], s[0], ids) for p in POINTS])
            rows["loss"].append(loss_of(plain[end], ids))
            rows["patched"].append([loss_of(plain[end] - plain[p] + changed[p], ids) for p in PATCHED])
            direct = written_directly(off, plain)
            ends = [plain[end], changed[end], plain[end] + direct, changed[end] - direct]
            rows["effects"].append([loss_of(r, ids) for r in ends])
            rows["effects_logit"].append([said(r, scale(r), ids) for r in ends])
            rows["effects_frozen"].append([said(r, s[0], ids) for r in ends])
        out[c] = {k: np.mean(v, 0).tolist() for k, v in rows.items()}
    return out


# ---- what units write
def written(layer):
    w = demo.W[f"gpt_neox.layers.{layer}.mlp.dense_4h_to_h.weight"].T
    return w - w.mean(-1, keepdims=True)


def similar(rows, own, names):
    """The greatest cosines of a row with others; itself is left out."""
    c = rows @ own / np.linalg.norm(rows, axis=-1) / np.linalg.norm(own)
    order = [i for i in np.argsort(-c, kind="stable") if c[i] < 1 - 1e-9][:TOP]
    return [[names[i], float(c[i])] for i in order]


def all_similar():
    rows, names = np.concatenate([written(2), written(3)]), [f"L{k}N{i}" for k in (2, 3) for i in range(1024)]
    latents = demo.SAE["W_dec"] - demo.SAE["W_dec"].mean(-1, keepdims=True)
    return {N: similar(rows, rows[names.index(N)], names),
            "attn_1/418": similar(latents, latents[418], [f"attn_1/{i}" for i in range(len(latents))]),
            "across": float(similar(rows[[names.index(N)]], latents[418], [N])[0][1])}


def check():
    """The last point is the logit less the mean logit and the bias."""
    ids = texts("da", 1)[0]
    logits, seen = demo.forward(ids)
    bias = UC / boosts.GAMMA @ boosts.BETA
    expected = [logits[t, ids[t + 1]] - logits[t].mean() - bias[ids[t + 1]] for t in range(len(ids) - 1)]
    assert abs(np.mean(expected) - said(seen[POINTS[-1]], scale(seen[POINTS[-1]]), ids)) < 1e-12


def main():
    check()
    on, off = (f32(boosts.mean(N, [c], boosts.plain)) for c in neuron.CLASSES)
    held = f32(boosts.mean(HELD, ["en"], boosts.plain))
    spread = {u: f32(boosts.mean(u, ["en"], boosts.plain)) for u in SPREAD}
    a, b = neuron.held({N: on}), neuron.held({N: off})
    shifts, pooled = shift(a, b)
    moved = both(a, shifted(pooled))
    at = {u: 0.25 * (i + 1) for i, u in enumerate(LATER)}
    zero = {u: 0.0 for u in LATER}
    golden = {"unit": N, "later": LATER, "held": HELD, "texts": TEXTS, "on": on, "off": off, "held_at": held, "text": TEXT,
              "at": AT, "top": TOP, "weight": WEIGHT, "shifted_at": at, "shift": shifts, "layer": LAYER,
              "position": position(a, b), "position_shifted": position(a, moved),
              "position_at": position(both(a, shifted(zero, at)), both(a, shifted(pooled, at))),
              "position_held": position(*(both(neuron.held({HELD: held}), r) for r in (a, b))),
              "downstream": downstream(a, b), "runs": runs(a, moved), "spread": spread, "points": POINTS,
              "patched": PATCHED, "few": FEW, "stream": stream(spread),
              "similar": all_similar()}
    with open(os.path.join(demo.OUT, "neuron_runs.json"), "w", encoding="utf-8") as f:
        json.dump(golden, f)
        f.write("\n")


if __name__ == "__main__":
    main()
