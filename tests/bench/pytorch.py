#!/usr/bin/env python3
"""The same work in PyTorch's usual way: transformers, forward hooks, the whole forward each time.

Needs: pip install torch transformers tokenizers safetensors. Run from the repository root:
    make bench PYTORCH=python3
"""
import argparse
import json
import statistics
import time

T0 = time.perf_counter()
import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedTokenizerFast  # noqa: E402

p = argparse.ArgumentParser()
p.add_argument("--bundle", default="store/demo/demo.glimt")
p.add_argument("--runs", type=int, default=15, help="of each row, or fewer where one takes seconds")
p.add_argument("--tokens", default="20,100,400")
p.add_argument("--device", default="cpu")
a = p.parse_args()
torch.set_default_device(a.device)
folder = a.bundle.rsplit("/", 1)[0]
bundle = json.load(open(a.bundle))
cfg = json.load(open(f"{folder}/{bundle['model']}/config.json"))
model = GPTNeoXForCausalLM(GPTNeoXConfig(
    vocab_size=cfg["vocab_size"], hidden_size=cfg["hidden_size"], num_hidden_layers=cfg["num_hidden_layers"],
    num_attention_heads=cfg["num_attention_heads"], intermediate_size=cfg["intermediate_size"], hidden_act="gelu",
    max_position_embeddings=cfg["max_position_embeddings"], use_parallel_residual=cfg["use_parallel_residual"],
    rope_parameters={"rope_type": "default", "rope_theta": cfg["rotary_emb_base"],
                     "partial_rotary_factor": cfg["rotary_pct"]})).eval().to(a.device)
state = {k.replace("embed_out.", "lm_head."): v.float()
         for k, v in load_file(f"{folder}/{bundle['model']}/model.safetensors").items()}
missing, unexpected = model.load_state_dict(state, strict=False)
assert not missing and not unexpected, (missing, unexpected)
tokenizer = PreTrainedTokenizerFast(tokenizer_file=f"{folder}/{bundle['model']}/tokenizer.json")
sae = {k: v.float().to(a.device) for k, v in load_file(f"{folder}/{bundle['sae']}").items()}
import safetensors  # noqa: E402
with safetensors.safe_open(f"{folder}/{bundle['sae']}", "pt") as f:
    K = int(f.metadata()["k"])
chosen = bundle["chosen"]
layer = int(bundle["hook"].split(".")[1])
kind = bundle["hook"].split(".", 2)[2]
block = model.gpt_neox.layers[layer]
hooked = {"resid.post": block, "attn.out": block.attention, "mlp.out": block.mlp, "mlp.act": block.mlp.act}[kind]


def wait():
    if a.device != "cpu":
        torch.cuda.synchronize()


def encode(x):
    pre = (x - sae["b_dec"]) @ sae["encoder.weight"].T + sae["encoder.bias"]
    return pre, pre.topk(K, -1)


def lane(ids, fix=None, mask=None):
    def hook(_, __, out):
        x = out[0] if isinstance(out, tuple) else out
        pre, (v, i) = encode(x)
        f = torch.zeros_like(pre).scatter(-1, i, v)
        if fix is not None:
            f[..., chosen] = fix
        y = f @ sae["W_dec"] + sae["b_dec"]
        return (y,) + out[1:] if isinstance(out, tuple) else y
    h = hooked.register_forward_hook(hook)
    try:
        return loss(ids)
    finally:
        h.remove()


def loss(ids):
    logits = model(ids).logits
    return torch.nn.functional.cross_entropy(logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none")


def latents(ids):
    got = {}
    def hook(_, __, out):
        got["x"] = out[0] if isinstance(out, tuple) else out
    h = hooked.register_forward_hook(hook)
    model(ids)
    h.remove()
    return encode(got["x"])


def timed(name, fn):
    fn(), wait()
    t = []
    since = time.perf_counter()
    while not t or len(t) < a.runs and time.perf_counter() - since < 6:
        s = time.perf_counter()
        fn(), wait()
        t.append((time.perf_counter() - s) * 1e3)
    t.sort()
    print(f"{name:44} {statistics.median(t):9.2f} ms   p95 {t[int(len(t) * .95)]:9.2f}", flush=True)


text = " ".join(open(f"{folder}/{bundle['classes'][0]['reference']}", encoding="utf-8").read().split("\n"))
every = tokenizer.encode(text)
with torch.inference_mode():
    first = torch.tensor([every[:20]])
    latents(first), loss(first)
    print(f"{'cold start to the first latents and losses':44} {(time.perf_counter() - T0) * 1e3:9.0f} ms "
          f"(interpreter's start not counted)")
    for n in map(int, a.tokens.split(",")):
        ids = torch.tensor([every[:n]])
        timed(f"keypress to latents, {n} tokens", lambda: latents(ids))
        timed(f"keypress to losses (3 lanes), {n} tokens",
              lambda: (latents(ids), loss(ids), lane(ids), lane(ids, 2.0)))
        timed(f"slider to the text's loss, {n} tokens", lambda: lane(ids, 2.0))
    for name, n in (("slider to 16 + 16 reference sentences", 16), ("slider to all reference sentences", 10 ** 6)):
        sets = [open(f"{folder}/{c['reference']}", encoding="utf-8").read().strip().split("\n")[:n] for c in bundle["classes"]]
        rows = []
        if n > 16 and sum(map(len, sets)) <= 32:  # these are all
            continue
        for s in sets:
            enc = [tokenizer.encode(line) for line in s]
            w = max(map(len, enc))
            rows.append(torch.tensor([e + [0] * (w - len(e)) for e in enc]))
        timed(name, lambda: [lane(r, 2.0) for r in rows])
