#!/usr/bin/env python3
"""Golden values of two classes of words on the demo: tests/golden/study/contrast.json.

    pip install torch==2.15.0 transformers==5.24.0 tokenizers==0.23.3 safetensors numpy==2.4.6 scipy==1.17.1 \
        mpmath==1.3.0
    python tests/reference/contrast.py

The words of store/demo/words/language.tsv, each alone; its vector is that of its last, first or mean token, of the
attention's output (neurons) and of the signed top k (latents), rounded to float32 as the program keeps them. t-tests
by scipy, logarithms of p by mpmath."""
import json
import os

import mpmath
import numpy as np
from scipy import stats
from study_demo import DEMO, OUT, Demo

SHOWN = 30  # units of each t-test, smallest p first


def read_words(name):
    with open(os.path.join(DEMO, "words", name), encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
    return [r[0] for r in rows[1:]], [r[1] for r in rows[1:]]


def vectors(demo, words, which, space=False):
    x, f, tokens, error, active = [], [], [], 0.0, 0
    for word in words:
        ids = demo.ids((" " if space else "") + word)
        at = demo.logits(ids)[1]
        pre, code, mask = demo.encode(at)
        back = code @ demo.w_d + demo.b_p
        error += float(((at - back) ** 2).sum())
        active += int(mask.sum())
        pick = {"last": lambda v: v[-1], "first": lambda v: v[0], "mean": lambda v: v.mean(0)}[which]
        x.append(pick(at).numpy())
        f.append(pick(code).numpy())
        tokens.append(len(ids))
    n = sum(tokens)
    return {"neurons": np.array(x).astype(np.float32).astype(np.float64),
            "latents": np.array(f).astype(np.float32).astype(np.float64),
            "tokens": tokens, "mse": error / n / len(x[0]), "l0": active / n}


def log_p(t, df):
    t, df = mpmath.mpf(float(t)), mpmath.mpf(float(df))
    return float(mpmath.log(mpmath.betainc(df / 2, mpmath.mpf(1) / 2, 0, 1 / (1 + t**2 / df), regularized=True)))


def t_tests(v, target, welch, alpha):
    """Of the columns of v; the target's words against the others."""
    mpmath.mp.dps = 40
    a, b = v[target], v[~target]
    live = (v != v[0]).any(0)
    r = stats.ttest_ind(a[:, live], b[:, live], equal_var=not welch)
    ids = np.flatnonzero(live)
    order = np.argsort(r.pvalue, kind="stable")
    p = r.pvalue[order]
    m = len(p)
    passed = np.flatnonzero(p <= (np.arange(m) + 1) * alpha / m)
    return {"welch": welch, "alpha": alpha, "dead": int((~live).sum()), "tested": m,
            "significant": int((p < alpha).sum()), "bonferroni": int((p < alpha / m).sum()),
            "bh": int(passed[-1] + 1) if len(passed) else 0,
            "confidence_published": (1 - alpha) ** v.shape[1], "confidence": (1 - alpha) ** m,
            "histogram": np.histogram(p, bins=np.arange(21) / 20)[0].tolist(),
            "rows": [{"unit": int(ids[j]), "t": float(r.statistic[j]), "df": float(r.df[j]),
                      "log_p": log_p(r.statistic[j], r.df[j]), "mean": [float(a[:, ids[j]].mean()),
                                                                      float(b[:, ids[j]].mean())]}
                     for j in order[:SHOWN]]}


def main():
    demo = Demo()
    words, cls = read_words("language.tsv")
    target = np.array(cls) == cls[0]
    out = {"words": len(words), "tests": []}
    for which, space, welch, alpha in (("last", False, False, 1e-5), ("mean", True, True, 1e-3),
                                       ("first", False, True, 0.05)):
        v = vectors(demo, words, which, space)
        test = {"params": f"word-vector={which}" + (" space=true" if space else ""), "tokens": sum(v["tokens"]),
                "several": sum(n > 1 for n in v["tokens"]), "mse": v["mse"], "l0": v["l0"]}
        for units in ("latents", "neurons"):
            test[units] = t_tests(v[units], target, welch, alpha)
        out["tests"].append(test)
    with open(os.path.join(OUT, "contrast.json"), "w", encoding="utf-8") as f:
        json.dump(out, f, indent=None, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
