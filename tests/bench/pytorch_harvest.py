#!/usr/bin/env python3
"""The harvest in PyTorch's usual way: padded batches of 16 sentences, a hook that stops the forward, counts by class.

Needs: pip install torch transformers tokenizers safetensors. Run from the repository root:
    python3 tests/bench/pytorch_harvest.py
The same statistics as bench_harvest without examples: how often each latent fires, moments, a 64-bin histogram."""
import argparse
import json
import statistics
import time

import safetensors
import torch
from safetensors.torch import load_file
from transformers import GPTNeoXForCausalLM, PreTrainedTokenizerFast

TOKENS, BATCH, BINS = 20000, 16, 64
p = argparse.ArgumentParser()
p.add_argument("--bundle", default="store/demo/demo.glimt")
p.add_argument("--runs", type=int, default=3)
a = p.parse_args()
folder = a.bundle.rsplit("/", 1)[0]
bundle = json.load(open(a.bundle))
model = GPTNeoXForCausalLM.from_pretrained(f"{folder}/{bundle['model']}", dtype=torch.float32).eval()
tokenizer = PreTrainedTokenizerFast(tokenizer_file=f"{folder}/{bundle['model']}/tokenizer.json", pad_token="<|endoftext|>")
sae = {k: v.float() for k, v in load_file(f"{folder}/{bundle['sae']}").items()}
with safetensors.safe_open(f"{folder}/{bundle['sae']}", "pt") as f:
    K = int(f.metadata()["k"])
layer, kind = int(bundle["hook"].split(".")[1]), bundle["hook"].split(".", 2)[2]
block = model.gpt_neox.layers[layer]
hooked = {"resid.post": block, "attn.out": block.attention, "mlp.out": block.mlp, "mlp.act": block.mlp.act}[kind]
texts = [open(f"{folder}/{c['reference']}", encoding="utf-8").read().splitlines() for c in bundle["classes"]]
m = sae["encoder.bias"].numel()


class Reached(Exception):
    pass


def stop(_module, _args, out):
    raise Reached(out[0] if isinstance(out, tuple) else out)


def harvest(times):
    fired, sums, squares = (torch.zeros(len(texts), m, dtype=torch.float64) for _ in range(3))
    bins = torch.zeros(len(texts), m * BINS)
    column, n = torch.arange(m) * BINS, 0
    for c, lines in enumerate(texts):
        lines = lines * times
        for i in range(0, len(lines), BATCH):
            e = tokenizer(lines[i:i + BATCH], return_tensors="pt", padding=True, padding_side="right")
            try:
                model.gpt_neox(e["input_ids"], attention_mask=e["attention_mask"])
            except Reached as r:
                x = r.args[0][e["attention_mask"].bool()]
            pre = (x - sae["b_dec"]) @ sae["encoder.weight"].T + sae["encoder.bias"]
            fired[c].index_add_(0, pre.topk(K, -1).indices.flatten(), torch.ones(len(x) * K, dtype=torch.float64))
            sums[c] += pre.sum(0, dtype=torch.float64)
            squares[c] += (pre * pre).sum(0, dtype=torch.float64)
            at = (pre * 2).floor().clamp(-32, 31).long() + 32 + column
            bins[c] += torch.bincount(at.flatten(), minlength=m * BINS)
            n += len(x)
    return n


hooked.register_forward_hook(stop)
with torch.no_grad():
    times = TOKENS // harvest(1) + 1
    took = []
    for _ in range(a.runs):
        t = time.perf_counter()
        n = harvest(times)
        took.append(time.perf_counter() - t)
s = statistics.median(took)
print(f"torch {torch.__version__}, {torch.get_num_threads()} threads: {n} tokens, {n / s:.0f} tokens/s, "
      f"{1e6 * s / n:.1f} us a token")
