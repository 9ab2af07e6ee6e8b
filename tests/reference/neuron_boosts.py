#!/usr/bin/env python3
"""Golden numbers of what neurons boost on the demo's model: tests/golden/study/neuron_boosts.json, by a plain forward
in float64 (neuron.py says of which packages).

    python tests/reference/neuron_boosts.py

N on: at its mean on Danish, off: on English, of positions 3 to 20 of the first TEXTS sentences of each class."""
import json
import os

import neuron
import numpy as np
import plain_demo as demo

N, LATER, TEXTS, LENS_TEXTS, TOP = "L2N442", "L3N909", 16, 5, 12
GAMMA, BETA = demo.W["gpt_neox.final_layer_norm.weight"], demo.W["gpt_neox.final_layer_norm.bias"]
U, E = demo.W["embed_out.weight"], demo.W["gpt_neox.embed_in.weight"]


def mean(unit, classes, change):
    x = [demo.forward(ids, change)[1] for c in classes for ids in neuron.sentences(c)[:TEXTS]]
    return float(np.concatenate([neuron.read(unit, seen)[neuron.FROM:neuron.TO + 1] for seen in x]).mean())


def mean_pre(unit, classes, change):
    layer, index = unit[1:].split("N")
    x = [demo.forward(ids, change)[1] for c in classes for ids in neuron.sentences(c)[:TEXTS]]
    return float(np.concatenate([seen[f"layers.{layer}.mlp.pre"][neuron.FROM:neuron.TO + 1, int(index)]
                                 for seen in x]).mean())


def written(unit):
    point, index, _ = neuron.place(unit)
    w = demo.W[f"gpt_neox.layers.{point.split('.')[1]}.mlp.dense_4h_to_h.weight"][:, index]
    return GAMMA * (w - w.mean())


def plain(point, x):
    return x


def ends(boost):
    order = np.argsort(-boost, kind="stable")
    return {"top": [[int(i), float(boost[i])] for i in order[:TOP]],
            "bottom": [[int(i), float(boost[i])] for i in order[::-1][:TOP]], "sum_abs": float(np.abs(boost).sum())}


def centred(z):
    return z - z.mean()


def lens(on, off, layer):
    total = 0
    for ids in neuron.sentences("da")[:LENS_TEXTS]:
        h = [demo.norm(demo.forward(ids, neuron.held({N: v}))[1][f"layers.{layer}.resid.post"],
                       "gpt_neox.final_layer_norm").mean(0) for v in (on, off)]
        total = total + (h[0] - h[1])
    return centred(U @ (total / LENS_TEXTS))


def unigrams(cls, boost, by_tokens):
    texts, tokens = np.zeros(len(U), int), np.zeros(len(U), int)
    for ids in neuron.sentences(cls)[:TEXTS]:
        ids = ids[1:]
        np.add.at(tokens, ids, 1)
        texts[np.unique(ids)] += 1
    order = np.argsort(-(tokens if by_tokens else texts), kind="stable")[:TOP]
    return [[int(i), int(texts[i]), int(tokens[i]), float(boost[i])] for i in order]


def main():
    on, off = (float(np.float32(mean(N, [c], plain))) for c in neuron.CLASSES)
    direct = centred(U @ ((on - off) * written(N)))
    later = [mean(LATER, neuron.CLASSES, neuron.held({N: v})) for v in (on, off)]
    later_pre = [mean_pre(LATER, neuron.CLASSES, neuron.held({N: v})) for v in (on, off)]
    folded = GAMMA * (U - U.mean(0))
    folded -= folded.mean(1, keepdims=True)
    embed = E - E.mean(1, keepdims=True)
    golden = {"unit": N, "later": LATER, "texts": TEXTS, "lens_texts": LENS_TEXTS, "on": on, "off": off,
              "direct": ends(direct), "later_boost": ends(centred(U @ ((later[0] - later[1]) * written(LATER)))),
              "later_published": ends(centred(U @ ((later_pre[0] - later_pre[1]) * written(LATER)))),
              "lens": ends(lens(on, off, 2)), "lens_last": ends(lens(on, off, 3)),
              "norm_unembed": np.linalg.norm(folded, axis=1)[:40].tolist(),
              "norm_embed": np.linalg.norm(embed, axis=1)[:40].tolist(),
              "unigrams": {c: unigrams(c, direct, False) for c in neuron.CLASSES},
              "by_tokens": {c: unigrams(c, direct, True) for c in neuron.CLASSES}}
    with open(os.path.join(demo.OUT, "neuron_boosts.json"), "w", encoding="utf-8") as f:
        json.dump(golden, f)
        f.write("\n")


if __name__ == "__main__":
    main()
