#!/usr/bin/env python3
"""Golden values of classes of words on the demo: tests/golden/study/contrast.json.

    pip install torch==2.15.0 transformers==5.24.0 tokenizers==0.23.3 safetensors numpy==2.4.6 scipy==1.17.1 \
        mpmath==1.3.0 scikit-learn==1.9.1
    python tests/reference/contrast.py

The words of store/demo/words/language.tsv, each alone; its vector is that of its last, first or mean token, of the
attention's output (neurons) and of the signed top k (latents), rounded to float32 as the program keeps them. t-tests
by scipy, logarithms of p by mpmath; probes and regressions by scikit-learn to their minimum (L1: saga, which does
not penalise the bias), on splits and permutations drawn as engine/base/rng.h says. "classes": the words of
gender-en.tsv by kind, three classes; probes and regressions are multinomial, columns ranked by F. "neo": the MLP's
output of a GPT-Neo with the facts of TinyStories-1Layer-21M, smaller and in hash weights (model.py), by transformers."""
import json
import os

import mpmath
import numpy as np
from model import build_arch, run
from rng import Rng
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from study_demo import DEMO, OUT, ROOT, Demo
from tokenizers import Tokenizer

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


def split(target, folds, rng):
    """The fold in which each word is tested; -1: none. target: of two classes is it the first, of more its number."""
    fold = np.full(len(target), -1)
    for cls in (True, False) if target.dtype == bool else range(target.max() + 1):
        order = np.flatnonzero(target == cls).tolist()
        rng.shuffle(order)
        for k, w in enumerate(order):
            fold[w] = k % folds if folds > 1 else (0 if k < round(.2 * len(order)) else -1)
    return fold


def standardised(v, train):
    live = (v[train] != v[train][0]).any(0)
    return StandardScaler().fit(v[train][:, live]).transform(v[:, live]), np.flatnonzero(live)


def hits(z, label, train, C):
    m = LogisticRegression(C=C, tol=1e-12, max_iter=100000).fit(z[train], label[train])
    return int((m.predict(z[~train]) == label[~train]).sum())


def probes(v, target, folds, controls, C, seed):
    rng = Rng(seed)
    fold = split(target, folds, rng)
    labels = [target]
    for _ in range(controls):
        order = list(range(len(target)))
        rng.shuffle(order)
        labels.append(target[order])
    right = {}
    for units in ("latents", "neurons"):
        right[units] = [0] * len(labels)
        for f in range(folds):
            z, _ = standardised(v[units], fold != f)
            for c, label in enumerate(labels):
                right[units][c] += hits(z, label, fold != f, C)
    return {"params": f"C={C} seed={seed} controls={controls}" + (f" folds={folds}" if folds > 1 else ""),
            "tested": int((fold >= 0).sum()), "hits": right}


def ranked(v, target):
    """Columns by |t|, of more than two classes by F, largest first; dead ones left out."""
    live = np.flatnonzero((v != v[0]).any(0))
    if target.dtype == bool:
        t = np.abs(stats.ttest_ind(v[target][:, live], v[~target][:, live], equal_var=True).statistic)
    else:
        t = stats.f_oneway(*[v[target == c][:, live] for c in range(target.max() + 1)]).statistic
    return live[np.lexsort((live, -t.astype(np.float32)))]  # latents of one word each are alike


def kept(v, target, folds, C, seed):
    fold = split(target, folds, Rng(seed))
    out = {"params": f"C={C} seed={seed} folds={folds}", "tested": int((fold >= 0).sum())}
    for units in ("latents", "neurons"):
        steps = [2**i for i in range(32) if 2**i < v[units].shape[1]] + [v[units].shape[1]]
        right = [0] * len(steps)
        for f in range(folds):
            train = fold != f
            order = ranked(v[units][train], target[train])
            for k, s in enumerate(steps):
                z, _ = standardised(v[units][:, order[:s]], train)
                right[k] += hits(z, target, train, C)
        out[units] = {"s": steps, "hits": right}
    return out


def regressions(v, target, C, seed, l1, top):
    train = split(target, 1, Rng(seed)) < 0
    out = {"params": f"C={C} seed={seed}" + (" l1=true" if l1 else "") + (f" top={top}" if top else "")}
    for units in ("latents", "neurons"):
        pick = ranked(v[units][train], target[train])[:top] if top else np.arange(v[units].shape[1])
        z, live = standardised(v[units][:, pick], train)
        if l1:
            m = LogisticRegression(C=C, penalty="l1", solver="saga", tol=1e-12, max_iter=1000000, random_state=0)
        else:
            m = LogisticRegression(C=C, tol=1e-12, max_iter=100000)
        m.fit(z[train], target[train])
        w = m.coef_
        order = np.argsort(-np.abs(w).ravel(), kind="stable")[:SHOWN]
        out[units] = {"columns": len(live), "nonzero": int((np.abs(w) > 1e-9).any(0).sum()),
                      "hits": int((m.predict(z[~train]) == target[~train]).sum()),
                      "train_hits": int((m.predict(z[train]) == target[train]).sum()),
                      "norm": float(np.abs(w).sum()),
                      "weights": [[int(pick[live[j]]), float(w[r, j])] + ([int(r)] if len(w) > 1 else [])
                                  for r, j in zip(*np.unravel_index(order, w.shape)) if abs(w[r, j]) > 1e-6]}
    return out


def of_classes(demo):
    with open(os.path.join(DEMO, "words", "gender-en.tsv"), encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")][1:]
    kinds = list(dict.fromkeys(r[2] for r in rows))
    target = np.array([kinds.index(r[2]) for r in rows])
    v = vectors(demo, [r[0] for r in rows], "last", True)
    out = {"names": kinds, "counts": np.bincount(target).tolist(), "tests": []}
    for cls, against in ((1, None), (2, 0)):
        of = np.full(len(target), True) if against is None else (target == cls) | (target == against)
        test = {"target": cls, "against": -1 if against is None else against}
        for units in ("latents", "neurons"):
            test[units] = t_tests(v[units][of], target[of] == cls, False, .001)
            for r in test[units]["rows"]:
                r["means"] = [float(v[units][target == c, r["unit"]].mean()) for c in range(3)]
        out["tests"].append(test)
    out["probes"] = [probes(v, target, 1, 3, 1.0, 0), probes(v, target, 4, 2, .05, 7)]
    out["kept"] = [kept(v, target, 3, .1, 1)]
    out["regressions"] = [regressions(v, target, 1.0, 0, False, 0), regressions(v, target, .1, 3, True, 0),
                          regressions(v, target, 10.0, 1, False, 12)]
    return out


# as in tests/e2e/test_contrast.c
NEO = ("gpt_neo", 3, False, dict(num_layers=1, hidden_size=64, num_heads=16, intermediate_size=None, vocab_size=648,
                                 max_position_embeddings=64, attention_types=[[["global"], 1]], window_size=256,
                                 bos_token_id=0, eos_token_id=0))


def of_neo(words, target):
    tokenizer = Tokenizer.from_file(os.path.join(ROOT, "tests", "golden", "text", "tokenizer.json"))
    model = build_arch(NEO)
    x = [run(model, tokenizer.encode(w, add_special_tokens=False).ids)[1]["layers.0.mlp.out"][-1].numpy()
         for w in words]
    return t_tests(np.array(x), target, False, .05)


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
    v = vectors(demo, words, "last")
    out["probes"] = [probes(v, target, 1, 10, 1.0, 0), probes(v, target, 4, 3, .05, 7)]
    out["kept"] = [kept(v, target, 5, 1.0, 0), kept(v, target, 3, .1, 1)]
    out["regressions"] = [regressions(v, target, 1.0, 0, False, 0), regressions(v, target, .1, 3, True, 0),
                          regressions(v, target, 10.0, 1, False, 12)]
    out["classes"] = of_classes(demo)
    out["neo"] = of_neo(words, target)
    with open(os.path.join(OUT, "contrast.json"), "w", encoding="utf-8") as f:
        json.dump(out, f, indent=None, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
