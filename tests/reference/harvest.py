#!/usr/bin/env python3
"""Golden statistics of a harvest: tests/golden/study/harvest.safetensors.

    pip install torch==2.15.0 transformers==5.23.0 tokenizers==0.23.3 numpy safetensors
    python tests/reference/harvest.py

The demo bundle's reference texts (line i of the languages is document 2i and 2i + 1) through transformers' GPTNeoX in
float64 and the SAE's formula by hand. Counts that float32 may give otherwise come with how many of them are in doubt."""
import os

import numpy as np
import torch
from rng import MASK, mix
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer
from transformers import GPTNeoXForCausalLM

HERE = os.path.dirname(__file__)
DEMO = os.path.join(HERE, "..", "..", "store", "demo")
OUT = os.path.join(HERE, "..", "golden", "study")
LAYER, K, BINS, TOP, NEAR = 1, 10, 64, 20, 1e-5
CHOSEN = [418, 390, 92, 527, 559, 348]
SHOWN = CHOSEN + list(range(0, 1024, 32))  # latents whose bins and examples are kept


def texts(lang):
    with open(os.path.join(DEMO, f"reference-{lang}.txt"), encoding="utf-8") as f:
        return f.read().splitlines()


def rng_at(key, index):
    """splitmix64's finaliser of key + index·golden."""
    return mix((key + index * 0x9E3779B97F4A7C15) & MASK)


def sample_hash(latent, doc, pos):
    return rng_at(rng_at(int.from_bytes(b"examples", "big") + latent, doc), pos)


def activations():
    """Pre-activations [T, m] of all tokens, their class, document and position; words a class."""
    model = GPTNeoXForCausalLM.from_pretrained(os.path.join(DEMO, "model"), attn_implementation="eager",
                                               dtype=torch.float32).double().eval()
    assert model.gpt_neox.layers[0].attention.rotary_ndims == 16
    tok = Tokenizer.from_file(os.path.join(DEMO, "model", "tokenizer.json"))
    sae = {k: torch.from_numpy(v.astype(np.float64)) for k, v in load_file(os.path.join(DEMO, "sae.safetensors")).items()}
    seen = []
    model.gpt_neox.layers[LAYER].attention.register_forward_hook(lambda _m, _a, out: seen.append(out[0][0]))
    da, en = texts("da"), texts("en")
    assert len(da) == len(en)
    pre, cls, doc, pos, words = [], [], [], [], [0, 0]
    for i, pair in enumerate(zip(da, en)):
        for c, text in enumerate(pair):
            ids = tok.encode(text, add_special_tokens=False).ids
            assert len(ids) < 256
            with torch.no_grad():
                model(torch.tensor([ids]))
            pre.append(((seen.pop() - sae["b_dec"]) @ sae["encoder.weight"].T + sae["encoder.bias"]).numpy())
            cls += [c] * len(ids)
            doc += [2 * i + c] * len(ids)
            pos += range(len(ids))
            words[c] += len(text.split())
    return np.concatenate(pre), np.array(cls), np.array(doc), np.array(pos), words


def histogram(x, e):
    width = 2.0 ** e
    at = np.floor(x / width).astype(int) + BINS // 2
    assert at.min() >= 0 and at.max() < BINS
    near = np.abs(x - np.round(x / width) * width) < NEAR
    return np.bincount(at, minlength=BINS), int(near.sum())


def exponent(x):
    e = -8
    while x.min() < -32 * 2.0 ** e or x.max() >= 32 * 2.0 ** e:
        e += 1
    return e


def overlap(a, b):
    return np.minimum(a / a.sum(), b / b.sum()).sum()


def main():
    pre, cls, doc, pos, words = activations()
    T, m = pre.shape
    order = np.sort(pre, 1)[:, ::-1]
    threshold, runner_up = order[:, K - 1], order[:, K]
    active = pre >= threshold[:, None]
    assert (active.sum(1) == K).all()
    tie = (threshold - runner_up < NEAR)[:, None] & (np.abs(pre - threshold[:, None]) < 2 * NEAR)
    out = {"tokens": np.bincount(cls).astype(np.int32), "words": np.array(words, np.int32)}
    count = lambda x: np.stack([x[cls == c].sum(0) for c in (0, 1)]).astype(np.int32)
    out["fired"], out["fired_ties"] = count(active), count(tie)
    out["mean_pre"] = np.stack([pre[cls == c].mean(0) for c in (0, 1)]).astype(np.float32)
    e = np.array([exponent(pre[:, j]) for j in range(m)])
    hist = [[histogram(pre[cls == c, j], e[j]) for j in range(m)] for c in (0, 1)]
    out["exponent"] = e.astype(np.int32)
    out["near_edges"] = np.array([[h[1] for h in row] for row in hist], np.int32)
    out["overlap"] = np.array([overlap(hist[0][j][0], hist[1][j][0]) for j in range(m)], np.float32)
    out["shown"] = np.array(SHOWN, np.int32)
    out["bins"] = np.array([[hist[c][j][0] for c in (0, 1)] for j in SHOWN], np.int32)
    share = out["fired"] / out["tokens"][:, None]
    for name, least, most in (("paper", 0.5, 0.01), ("notebook", 0.2, 0.05)):
        for target in (0, 1):
            s, o = share[target], share[1 - target]
            for x, edge in ((s, least), (o, most)):  # a tie must not decide
                assert not ((np.abs(x - edge) < 1e-3) & (out["fired_ties"].sum(0) > 0)).any()
            hit = np.flatnonzero((s > least) & (o < most))
            hit = sorted(hit, key=lambda j: (-(s[j] - o[j]), j))
            out[f"rule.{name}.{target}"] = np.array([len(hit), *hit], np.int32)
    top = np.full((len(SHOWN), 2, TOP, 3), np.nan, np.float32)
    sample = np.full((len(SHOWN), 2, TOP, 3), np.nan, np.float32)
    for i, j in enumerate(SHOWN):
        for c in (0, 1):
            rows = np.flatnonzero(active[:, j] & (cls == c))
            best = sorted(rows, key=lambda t: (-pre[t, j], doc[t], pos[t]))[:TOP]
            some = sorted(rows, key=lambda t: sample_hash(j, int(doc[t]), int(pos[t])))[:TOP]
            some.sort(key=lambda t: (-pre[t, j], doc[t], pos[t]))
            for k, t in enumerate(best):
                top[i, c, k] = doc[t], pos[t], pre[t, j]
            for k, t in enumerate(some):
                sample[i, c, k] = doc[t], pos[t], pre[t, j]
    out["top"], out["sample"] = top, sample
    os.makedirs(OUT, exist_ok=True)
    save_file({k: np.ascontiguousarray(v) for k, v in out.items()}, os.path.join(OUT, "harvest.safetensors"))
    print("tokens", out["tokens"], "words", words, "in doubt", int(out["fired_ties"].sum()), "near edges",
          int(out["near_edges"].sum()), {k: v.tolist() for k, v in out.items() if k.startswith("rule")})


if __name__ == "__main__":
    main()
