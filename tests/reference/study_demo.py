"""The demo model and its SAE in float64 by transformers, for sweep.py and values.py."""
import os

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import GPTNeoXForCausalLM

ROOT = os.path.join(os.path.dirname(__file__), "..", "..")
DEMO = os.path.join(ROOT, "store", "demo")
OUT = os.path.join(ROOT, "tests", "golden", "study")
CHOSEN = [418, 390, 92, 527, 559, 348]
K = 10


class Demo:
    def __init__(self):
        self.tokenizer = Tokenizer.from_file(os.path.join(DEMO, "model", "tokenizer.json"))
        self.model = GPTNeoXForCausalLM.from_pretrained(
            os.path.join(DEMO, "model"), dtype=torch.float32, attn_implementation="eager").double().eval()
        s = {k: v.double() for k, v in load_file(os.path.join(DEMO, "sae.safetensors")).items()}
        self.w_e, self.b_e, self.w_d, self.b_p = s["encoder.weight"], s["encoder.bias"], s["W_dec"], s["b_dec"]
        self.attention = self.model.gpt_neox.layers[1].attention

    def sentences(self, cls):
        with open(os.path.join(DEMO, f"reference-{cls}.txt"), encoding="utf-8") as f:
            return f.read().splitlines()

    def ids(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def logits(self, ids, change=None):
        """Logits [T, vocab] and the attention's output of layer 1, replaced by change(it) where given."""
        seen = {}

        def hook(_module, _args, out):
            seen["x"] = out[0][0].detach()
            return (change(out[0][0])[None], *out[1:]) if change else None
        handle = self.attention.register_forward_hook(hook)
        with torch.no_grad():
            logits = self.model(torch.tensor([ids])).logits[0]
        handle.remove()
        return logits, seen["x"]

    def encode(self, x):
        """Pre-activations and the signed top k as a dense code."""
        pre = (x - self.b_p) @ self.w_e.T + self.b_e
        vals, ids = pre.topk(K, -1)
        return pre, torch.zeros_like(pre).scatter(-1, ids, vals), torch.zeros_like(pre).scatter(-1, ids, 1.0)
