#!/usr/bin/env python3
"""The rows of `bench_live BUNDLE DEVICE rows` and `bench_harvest` in PyTorch, eager or compiled with CUDA graphs
(torch.compile, mode reduce-overhead): whole forwards of transformers' GPT-NeoX, the hook a module in the place of the
one that is hooked, so that nothing breaks the graph; f16 on a card, f32 on the CPU.

pytorch_card.py --bundle FOLDER/shape.glimt [--device cuda|cpu] [--compile]; $BENCH_QUICK: to see that it runs.
Prints row<TAB>NAME<TAB>p50<TAB>p95, in ms, the harvest in us a token. Hook points: mlp.act."""
import argparse
import json
import os
import statistics
import time

import safetensors
import torch
from safetensors.torch import load_file
from transformers import GPTNeoXForCausalLM, PreTrainedTokenizerFast

p = argparse.ArgumentParser()
p.add_argument("--bundle", required=True)
p.add_argument("--device", default="cuda")
p.add_argument("--compile", action="store_true")
a = p.parse_args()
quick = "BENCH_QUICK" in os.environ
runs, warm = (3, 1) if quick else (21, 4)
half = torch.float16 if a.device != "cpu" else torch.float32
folder = a.bundle.rsplit("/", 1)[0]
bundle = json.load(open(a.bundle, encoding="utf-8"))
model = GPTNeoXForCausalLM.from_pretrained(f"{folder}/{bundle['model']}", dtype=half).eval().to(a.device)
tokenizer = PreTrainedTokenizerFast(tokenizer_file=f"{folder}/{bundle['model']}/tokenizer.json", pad_token="<|endoftext|>")
sae = {k: v.to(a.device, half) for k, v in load_file(f"{folder}/{bundle['sae']}").items()}
with safetensors.safe_open(f"{folder}/{bundle['sae']}", "pt") as f:
    K = int(f.metadata()["k"])
layer, kind = int(bundle["hook"].split(".")[1]), bundle["hook"].split(".", 2)[2]
assert kind == "mlp.act", kind
chosen = torch.tensor(bundle["chosen"], device=a.device)
value = torch.zeros((), device=a.device, dtype=half)  # of all sliders: changed in place, no new graph
block = model.gpt_neox.layers[layer].mlp
plain = block.act


def encode(x):
    pre = (x - sae["b_dec"]) @ sae["encoder.weight"].T + sae["encoder.bias"]
    return pre, pre.topk(K, -1)


class Hooked(torch.nn.Module):
    """What the point gives under a lane: its reconstruction, with the chosen latents fixed or not."""

    def __init__(self, fixed):
        super().__init__()
        self.fixed = fixed

    def forward(self, x):
        pre, (v, i) = encode(plain(x))
        f = torch.zeros_like(pre).scatter(-1, i, v)
        if self.fixed:
            f[..., chosen] = value
        return f @ sae["W_dec"] + sae["b_dec"]


def losses(ids, mask):
    logits = model(ids, attention_mask=mask, use_cache=False).logits.float()
    return torch.nn.functional.cross_entropy(logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none")


def codes(ids, mask):
    """Up to the hook and through the encoder, no further."""
    x = model.gpt_neox.embed_in(ids)
    rotary = model.gpt_neox.rotary_emb(x, torch.arange(ids.shape[1], device=ids.device)[None])
    n = ids.shape[1]
    seen = torch.ones(n, n, dtype=torch.bool, device=ids.device).tril()[None, None] & mask[:, None, None].bool()
    seen = torch.zeros((), device=ids.device, dtype=half).masked_fill(~seen, torch.finfo(half).min)
    for b in model.gpt_neox.layers[:layer]:
        out = b(x, attention_mask=seen, position_embeddings=rotary)
        x = out[0] if isinstance(out, tuple) else out
    b = model.gpt_neox.layers[layer]
    y = b.post_attention_layernorm(x)
    if not model.config.use_parallel_residual:
        at = b.attention(b.input_layernorm(x), attention_mask=seen, position_embeddings=rotary)[0]
        y = b.post_attention_layernorm(x + at)
    return encode(plain(b.mlp.dense_h_to_4h(y)))




def made(fn):
    return torch.compile(fn, mode="reduce-overhead", dynamic=False) if a.compile else fn


def lane_made(fixed):
    module, fn = Hooked(fixed), made(losses)

    def run(ids, mask):
        block.act = module
        out = fn(ids, mask)
        block.act = plain
        return out
    return run


def wait():
    if a.device != "cpu":
        torch.cuda.synchronize()


def timed(name, fn, per=1.0):
    for _ in range(warm):
        fn(), wait()
    t = []
    for r in range(runs):
        value.fill_(r / 10)
        s = time.perf_counter()
        fn(), wait()
        t.append((time.perf_counter() - s) * 1e3 * per)
    t.sort()
    print(f"row\t{name}\t{statistics.median(t):.4f}\t{t[int(len(t) * .95)]:.4f}", flush=True)


def rows_of(lines):
    e = tokenizer(lines, return_tensors="pt", padding=True, padding_side="right")
    return e["input_ids"].to(a.device), e["attention_mask"].to(a.device)


def texts(n):
    """About n tokens of the reference sentences, class by class."""
    sets = [open(f"{folder}/{c['reference']}", encoding="utf-8").read().splitlines() for c in bundle["classes"]]
    lines, count = [], 0
    for i in range(1 << 20):
        s = sets[i % len(sets)]
        line = s[i // len(sets) % len(s)]
        lines.append(line)
        count += len(tokenizer.encode(line))
        if count >= n:
            return lines, count


with torch.inference_mode():
    short, long = (16, 60) if quick else (64, 2000)
    every = tokenizer.encode(" ".join(texts(short)[0]))[:short]
    ids = torch.tensor([every], device=a.device)
    one = ids, torch.ones_like(ids)
    # a graph's output is overwritten by the next run of the same graph: copied where it is kept
    seen = {}
    h = plain.register_forward_hook(lambda _m, _i, out: seen.update(x=out))
    model(ids)
    h.remove()
    here = encode(seen["x"])[0]
    assert (codes(*one)[0] - here).abs().max() <= 2e-2 * here.abs().max(), "codes is not the model's"
    plain_losses, base, fixed, colours = made(losses), lane_made(False), lane_made(True), made(codes)
    value.fill_(2)
    print("mean losses, plain, reconstruction, fixed at 2:", *(f"{f(*one).mean().item():.5f}" for f in (plain_losses, base, fixed)))
    timed(f"key at the end of {short} tokens -> colours", lambda: colours(*one))
    timed(f"key at the end of {short} tokens -> losses",
          lambda: (colours(*one), plain_losses(*one), base(*one), fixed(*one)))
    timed(f"slider -> losses of {short} tokens", lambda: fixed(*one))
    many = rows_of(texts(long)[0])
    timed(f"slider -> losses of {long} tokens in lines", lambda: fixed(*many))

    m, bins = sae["encoder.bias"].numel(), 64
    lines, count = texts(500 if quick else 20000)
    batches = [rows_of(lines[i:i + 64]) for i in range(0, len(lines), 64)]
    width = max(b[0].shape[1] for b in batches)
    pad = torch.nn.functional.pad  # one shape, one graph
    batches = [(pad(i, (0, width - i.shape[1], 0, 64 - i.shape[0])), pad(k, (0, width - k.shape[1], 0, 64 - k.shape[0])))
               for i, k in batches]
    column = torch.arange(m, device=a.device) * bins
    total = [torch.zeros(n, device=a.device, dtype=torch.float64) for n in (m, m, m)]
    counts = torch.zeros(m * bins, device=a.device, dtype=torch.int64)

    def harvest():
        for ids, mask in batches:
            pre, (_, top) = colours(ids, mask)
            here = mask.bool()
            top, pre = top[here].flatten(), pre[here].float()
            total[0].index_add_(0, top, torch.ones_like(top, dtype=torch.float64))
            total[1].add_(pre.sum(0, dtype=torch.float64))
            total[2].add_((pre * pre).sum(0, dtype=torch.float64))
            at = (pre * 2).floor().clamp(-32, 31).long() + 32 + column
            counts.add_(torch.bincount(at.flatten(), minlength=m * bins))

    runs, warm = 3, 1
    timed("harvest, us a token", harvest, 1e3 / count)
print(f"torch {torch.__version__}, {'compiled, reduce-overhead' if a.compile else 'eager'}, {half}, {a.device}")
