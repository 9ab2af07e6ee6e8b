#!/usr/bin/env python3
"""Golden results of the language model: tests/golden/model/small.safetensors (GPT-NeoX), archs.safetensors (the other
architectures) and pythia.safetensors.

    pip install torch==2.15.0 transformers==5.24.0 numpy safetensors
    python tests/reference/model.py [small] [archs] [bin] [pythia]

The weights come from hash_weights.py and are not stored; the C tests write the same ones."""
import json
import os
import sys

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import AutoConfig, AutoModelForCausalLM, GPTNeoXConfig, GPTNeoXForCausalLM

sys.path.insert(0, os.path.dirname(__file__))
import hash_weights as hw  # noqa: E402

OUT = os.path.join(os.path.dirname(__file__), "..", "golden", "model")

# name: layers, d_model, d_mlp, heads, vocabulary, context, rotary share, options; as in tests/engine/model/small.h
SMALL = {
    "parallel": (3, 32, 80, 4, 101, 32, 0.25, dict(exponent=2)),
    "sequential": (2, 48, 192, 3, 90, 32, 0.5, dict(exponent=2, sequential=True)),
    "tied": (2, 40, 96, 5, 77, 24, 1.0, dict(exponent=2, tied=True, bf16=True)),
    "bare": (2, 32, 64, 2, 65, 24, 0.25, dict(exponent=2, sequential=True, tied=True, no_attention_bias=True)),
    "one-head": (2, 24, 96, 1, 64, 16, 0.5, dict(exponent=1)),
    "published": (2, 64, 256, 2, 120, 64, 0.25, dict(exponent=2)),
}
# the first two layers of each Pythia
PYTHIA = {
    "pythia-14m": (2, 128, 512, 4, 50304, 2048, 0.25, dict(exponent=3)),
    "pythia-70m": (2, 512, 2048, 8, 50304, 2048, 0.25, dict(exponent=4)),
    "pythia-160m": (2, 768, 3072, 12, 50304, 2048, 0.25, dict(exponent=4)),
    "pythia-410m": (2, 1024, 4096, 16, 50304, 2048, 0.25, dict(exponent=4)),
    "pythia-1b": (2, 2048, 8192, 8, 50304, 2048, 0.25, dict(exponent=5)),
    "pythia-1.4b": (2, 2048, 8192, 16, 50304, 2048, 0.25, dict(exponent=5)),
    "pythia-2.8b": (2, 2560, 10240, 32, 50304, 2048, 0.25, dict(exponent=5)),
}
# name: model type, matrices' exponent, in bf16?, facts; as in tests/support/hash_archs.c, where they stand as the
# config.json of a folder. Every optional part is on in one of them; windows are shorter than the text.
ARCHS = {
    "gpt2": ("gpt2", 2, False, dict(n_layer=2, n_embd=24, n_head=3, n_inner=None, vocab_size=50, n_positions=16)),
    "gpt2-untied": ("gpt2", 2, False, dict(
        n_layer=2, n_embd=24, n_head=2, n_inner=40, vocab_size=50, n_positions=16, activation_function="gelu",
        scale_attn_by_inverse_layer_idx=True, tie_word_embeddings=False)),
    "gpt_neo": ("gpt_neo", 3, False, dict(
        num_layers=2, hidden_size=24, num_heads=3, intermediate_size=None, vocab_size=50, max_position_embeddings=16,
        attention_types=[[["local", "global"], 1]], window_size=3)),
    "llama": ("llama", 2, False, dict(
        num_hidden_layers=2, hidden_size=24, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
        intermediate_size=40, vocab_size=50, max_position_embeddings=64, attention_bias=True, mlp_bias=True,
        rope_parameters=dict(rope_type="llama3", rope_theta=500.0, factor=4.0, low_freq_factor=1.0,
                             high_freq_factor=4.0, original_max_position_embeddings=32))),
    "llama-tied": ("llama", 2, True, dict(
        num_hidden_layers=2, hidden_size=24, num_attention_heads=3, intermediate_size=40, vocab_size=50,
        max_position_embeddings=16, tie_word_embeddings=True, rms_norm_eps=1e-5,
        rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=2.0))),
    "mistral": ("mistral", 2, False, dict(
        num_hidden_layers=2, hidden_size=24, num_attention_heads=4, num_key_value_heads=1, intermediate_size=40,
        vocab_size=50, max_position_embeddings=16, sliding_window=3, hidden_act="relu",
        rope_parameters=dict(rope_type="default", rope_theta=1000.0))),
    "qwen2": ("qwen2", 2, False, dict(
        num_hidden_layers=2, hidden_size=24, num_attention_heads=4, num_key_value_heads=2, intermediate_size=40,
        vocab_size=50, max_position_embeddings=16, use_sliding_window=True, sliding_window=3, max_window_layers=1,
        tie_word_embeddings=True, rope_parameters=dict(rope_type="default", rope_theta=1e6))),
    "gemma2": ("gemma2", 2, True, dict(
        num_hidden_layers=2, hidden_size=24, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
        intermediate_size=40, vocab_size=50, max_position_embeddings=16, sliding_window=3, query_pre_attn_scalar=20,
        attn_logit_softcapping=2.0, final_logit_softcapping=3.0, attention_bias=True,
        rope_parameters=dict(rope_type="default", rope_theta=10000.0))),
    "qwen3": ("qwen3", 2, False, dict(
        num_hidden_layers=2, hidden_size=24, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
        intermediate_size=40, vocab_size=50, max_position_embeddings=16, attention_bias=True, use_sliding_window=True,
        sliding_window=3, max_window_layers=1, tie_word_embeddings=True,
        rope_parameters=dict(rope_type="default", rope_theta=1e6))),
    "gemma": ("gemma", 2, True, dict(
        num_hidden_layers=2, hidden_size=24, num_attention_heads=4, num_key_value_heads=1, head_dim=8,
        intermediate_size=40, vocab_size=50, max_position_embeddings=16,
        rope_parameters=dict(rope_type="default", rope_theta=10000.0))),
    "gemma3": ("gemma3_text", 2, True, dict(
        num_hidden_layers=2, hidden_size=24, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
        intermediate_size=40, vocab_size=50, max_position_embeddings=16, sliding_window=3, query_pre_attn_scalar=20,
        layer_types=["sliding_attention", "full_attention"], rope_parameters=dict(
            full_attention=dict(rope_type="linear", rope_theta=500.0, factor=4.0),
            sliding_attention=dict(rope_type="default", rope_theta=50.0)))),
    "phi": ("phi", 2, False, dict(
        num_hidden_layers=2, hidden_size=24, num_attention_heads=4, num_key_value_heads=2, intermediate_size=40,
        vocab_size=50, max_position_embeddings=16, tie_word_embeddings=False,
        rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.67))),
    "phi3": ("phi3", 2, False, dict(
        num_hidden_layers=2, hidden_size=24, num_attention_heads=4, num_key_value_heads=2, intermediate_size=40,
        vocab_size=50, max_position_embeddings=16, sliding_window=3, tie_word_embeddings=False, pad_token_id=None,
        rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.67))),
    "phi3-tied": ("phi3", 2, True, dict(
        num_hidden_layers=2, hidden_size=24, num_attention_heads=3, intermediate_size=40, vocab_size=50,
        max_position_embeddings=16, sliding_window=None, tie_word_embeddings=True, pad_token_id=None,
        rope_parameters=dict(rope_type="default", rope_theta=500.0))),
    # windows before of less than the text's 7 tokens; ramps with pairs on both sides and on them
    "yarn": ("qwen3", 2, False, dict(
        num_hidden_layers=2, hidden_size=24, num_attention_heads=3, num_key_value_heads=1, head_dim=16,
        intermediate_size=40, vocab_size=50, max_position_embeddings=16, tie_word_embeddings=True,
        rope_parameters=dict(rope_type="yarn", rope_theta=100.0, factor=4.0, original_max_position_embeddings=4,
                             beta_fast=0.5, beta_slow=0.05))),
    "yarn-mscale": ("llama", 2, False, dict(
        num_hidden_layers=2, hidden_size=24, num_attention_heads=2, intermediate_size=40, vocab_size=50,
        max_position_embeddings=20, tie_word_embeddings=True,
        rope_parameters=dict(rope_type="yarn", rope_theta=100.0, factor=None, original_max_position_embeddings=4,
                             beta_fast=0.4, beta_slow=0.03, mscale=2.0, mscale_all_dim=0.5, truncate=False))),
    # what is turned of text of up to original_max_position_embeddings
    "longrope": ("phi3", 2, False, dict(
        num_hidden_layers=2, hidden_size=24, num_attention_heads=3, intermediate_size=40, vocab_size=50,
        max_position_embeddings=64, original_max_position_embeddings=8, tie_word_embeddings=True, pad_token_id=None,
        rope_parameters=dict(rope_type="longrope", rope_theta=100.0, partial_rotary_factor=0.75,
                             short_factor=[1.1, 0.9, 1.5], long_factor=[1.0, 7.0, 9.0]))),
    "dynamic": ("llama", 2, False, dict(
        num_hidden_layers=2, hidden_size=24, num_attention_heads=3, intermediate_size=40, vocab_size=50,
        max_position_embeddings=8, tie_word_embeddings=True,
        rope_parameters=dict(rope_type="dynamic", rope_theta=100.0, factor=4.0))),
    "gptj": ("gptj", 2, False, dict(
        n_layer=2, n_embd=24, n_head=3, n_inner=None, rotary_dim=4, vocab_size=50, n_positions=16,
        tie_word_embeddings=False)),
}
# paths of modules: of the base model, then of a layer
FAMILY = {
    "gpt_neox": dict(layers="gpt_neox.layers", embed="gpt_neox.embed_in", final="gpt_neox.final_layer_norm",
                     attn="attention", proj="attention.dense", norm="post_attention_layernorm",
                     pre="mlp.dense_h_to_4h", down="mlp.dense_4h_to_h"),
    "gpt2": dict(layers="transformer.h", embed="transformer.wte", final="transformer.ln_f", attn="attn",
                 proj="attn.c_proj", norm="ln_2", pre="mlp.c_fc", down="mlp.c_proj"),
    "gpt_neo": dict(layers="transformer.h", embed="transformer.wte", final="transformer.ln_f", attn="attn",
                    proj="attn.attention.out_proj", norm="ln_2", pre="mlp.c_fc", down="mlp.c_proj"),
    "llama": dict(layers="model.layers", embed="model.embed_tokens", final="model.norm", attn="self_attn",
                  proj="self_attn.o_proj", norm="post_attention_layernorm", pre="mlp.gate_proj", down="mlp.down_proj"),
}
FAMILY["mistral"] = FAMILY["qwen2"] = FAMILY["llama"]
FAMILY["gemma2"] = dict(FAMILY["llama"], norm="pre_feedforward_layernorm", attn_post="post_attention_layernorm",
                        mlp_post="post_feedforward_layernorm")
FAMILY["qwen3"] = FAMILY["gemma"] = FAMILY["llama"]
FAMILY["gemma3_text"] = FAMILY["gemma2"]
# attention and MLP read one norm
FAMILY["phi"] = dict(layers="model.layers", embed="model.embed_tokens", final="model.final_layernorm", attn="self_attn",
                     proj="self_attn.dense", norm=None, pre="mlp.fc1", down="mlp.fc2")
FAMILY["phi3"] = dict(FAMILY["llama"], pre="mlp.gate_up_proj")
FAMILY["gptj"] = dict(layers="transformer.h", embed="transformer.wte", final="transformer.ln_f", attn="attn",
                      proj="attn.out_proj", norm=None, pre="mlp.fc_in", down="mlp.fc_out")
LENGTHS = [7, 4]
ROWS = [1, 6, 7, 10]  # of the small models' results
ARCH_ROWS = [4, 6, 10]  # of the others'
# "Rådet skal nu formelt godkende Parlamentets holdning." and "The Council has to formally approve Parliament's
# position." with the tokenizer of Pythia
SENTENCES = {
    "da": [51, 2768, 5992, 34997, 8794, 830, 2585, 7122, 76, 9747, 33867, 1507, 2186, 920, 15],
    "en": [510, 6456, 556, 281, 19186, 23255, 13171, 434, 1899, 15],
}


def build(config, dtype):
    n_layers, d, mlp, heads, vocab, ctx, share, o = config
    c = GPTNeoXConfig(
        vocab_size=vocab, hidden_size=d, num_hidden_layers=n_layers, num_attention_heads=heads, intermediate_size=mlp,
        hidden_act="gelu", max_position_embeddings=ctx, layer_norm_eps=1e-5, bos_token_id=0, eos_token_id=0,
        use_parallel_residual=not o.get("sequential", False), tie_word_embeddings=o.get("tied", False),
        attention_bias=not o.get("no_attention_bias", False), attn_implementation="eager",
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": share})
    with torch.device("meta"):
        model = GPTNeoXForCausalLM(c)
    model.to_empty(device="cpu")
    model.gpt_neox.rotary_emb.__init__(c)
    assert model.gpt_neox.layers[0].attention.rotary_ndims == int(d // heads * share)
    with torch.no_grad():
        for name, p in model.named_parameters():
            name = name.replace("lm_head", "embed_out")  # as it is spelled in files
            if "norm" in name and name.endswith("weight"):
                v = hw.gamma(name, p.shape)
            else:
                v = hw.uniform(name, p.shape, 3 if name.endswith("bias") else o["exponent"], o.get("bf16", False))
            p.copy_(torch.from_numpy(v))
    if o.get("tied"):
        model.tie_weights()
        assert model.lm_head.weight is model.gpt_neox.embed_in.weight
    return model.to(dtype).eval()


def build_arch(config):
    kind, exponent, bf16, facts = config
    c = AutoConfig.for_model(kind, **facts)
    c._attn_implementation = "eager"
    model = AutoModelForCausalLM.from_config(c)
    with torch.no_grad():
        for name, p in model.named_parameters():
            norm = ("norm" in name or ".ln_" in name) and name.endswith("weight")
            if norm and not kind.startswith("gemma"):
                v = hw.gamma(name, p.shape)
            else:  # what Gemma adds to 1 is a quarter at most
                v = hw.uniform(name, p.shape, 2 if norm else 3 if name.endswith("bias") else exponent, bf16)
            p.copy_(torch.from_numpy(v))
    tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert tied == facts.get("tie_word_embeddings", kind.startswith("gemma") or kind in ("gpt2", "gpt_neo"))
    return model.double().eval()


def points(model):
    """{our name: (module, takes its input)}"""
    f = FAMILY[model.config.model_type]
    sequential = not getattr(model.config, "use_parallel_residual", f["norm"] is None)
    out = {"embed": (model.get_submodule(f["embed"]), False)}
    for i, layer in enumerate(model.get_submodule(f["layers"])):
        p = f"layers.{i}."
        get = layer.get_submodule
        out[p + "resid.pre"] = (layer, True)
        out[p + "attn.z"] = (get(f["proj"]), True)
        out[p + "attn.out"] = (get(f.get("attn_post", f["attn"])), False)
        if "attn_post" in f:
            out[f"model.layers.{i}.self_attn"] = (get("self_attn"), False)
            out[f"model.layers.{i}.mlp"] = (get("mlp"), False)
        if sequential:
            out[p + "resid.mid"] = (get(f["norm"]), True)
        out[p + "mlp.in"] = (get(f["norm"]), False) if f["norm"] else (get("mlp"), True)
        out[p + "mlp.pre"] = (get(f["pre"]), False)
        out[p + "mlp.act"] = (get(f["down"]), True)
        out[p + "mlp.out"] = (get(f.get("mlp_post", "mlp")), False)
        out[p + "resid.post"] = (layer, False)
    out["final_norm"] = (model.get_submodule(f["final"]), False)
    return out


def run(model, ids, change=None):
    """Logits and every point's activations of one sequence; change: {point: function of the value}."""
    seen, handles = {}, []
    for name, (module, takes_input) in points(model).items():
        def hook(_m, args, out=None, name=name, takes_input=takes_input):
            whole = args if takes_input else out
            v = whole[0] if isinstance(whole, tuple) else whole
            rest = None
            if name.endswith("mlp.pre") and model.config.model_type == "phi3":  # the gate comes first
                v, rest = v.chunk(2, -1)
            if change and name in change:
                v = change[name](v[0])[None]
                both = v if rest is None else torch.cat([v, rest], -1)
                whole = (v, *whole[1:]) if isinstance(whole, tuple) else both
            seen[name] = v[0].detach()
            return whole
        if takes_input:
            handles.append(module.register_forward_pre_hook(hook))
        else:
            handles.append(module.register_forward_hook(hook))
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0]
    for h in handles:
        h.remove()
    for i in range(len(model.get_submodule(FAMILY[model.config.model_type]["layers"]))):
        normalized(model, seen, f"layers.{i}.")
    return logits, seen


def normalized(model, seen, layer):
    """What lies in the norm before the MLP, in front of its gain and bias; by its definition."""
    x = seen[layer + "resid.mid"] if layer + "resid.mid" in seen else seen[layer + "resid.pre"]
    eps = getattr(model.config, "rms_norm_eps", None)
    if eps is None:
        x, eps = x - x.mean(-1, keepdim=True), getattr(model.config, "layer_norm_eps", None)
    eps = model.config.layer_norm_epsilon if eps is None else eps
    seen[layer + "mlp.normalized"] = x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps)


def losses(logits, ids):
    logp = torch.log_softmax(logits.double(), -1)
    return torch.cat([-logp[torch.arange(len(ids) - 1), torch.tensor(ids[1:])], torch.tensor([float("nan")])])


def sae_insert(name, n, m, k, units, keep_error):
    w_e = torch.from_numpy(hw.uniform(f"{name}.encoder.weight", (m, n), 1)).double()
    b_e = torch.from_numpy(hw.uniform(f"{name}.encoder.bias", (m,), 3)).double()
    w_d = torch.from_numpy(hw.uniform(f"{name}.W_dec", (m, n), 1)).double()
    b_p = torch.from_numpy(hw.uniform(f"{name}.b_dec", (n,), 3)).double()

    def f(x):
        pre = (x - b_p) @ w_e.T + b_e
        vals, ids = pre.topk(k, -1)
        code = torch.zeros_like(pre).scatter(-1, ids, vals)
        new = code.clone()
        for index, mode, value in units:
            old = code[:, index]
            new[:, index] = {"fix": torch.full_like(old, value), "scale": value * old, "add": old + value,
                             "zero": 0 * old}[mode]
        y = new @ w_d + b_p
        return y + (x - (code @ w_d + b_p)) if keep_error else y
    return f


UNITS = [(3, "fix", 2.5), (17, "fix", -1.0), (8, "scale", 3.0), (21, "add", 0.75), (40, "zero", 0.0)]


def interventions(config):
    """{name: function of (first row, number of rows) to changes}; the C test has the same list."""
    _, d, mlp, _, _, _, _, _ = config

    def rows(key, width, start, n):
        return torch.from_numpy(hw.uniform(key, (sum(LENGTHS), width), 0)).double()[start:start + n]
    one = torch.from_numpy(hw.uniform("io.row", (d,), 0)).double()
    return {
        "set-act": lambda s, n: {"layers.1.mlp.act": lambda v: rows("io.act", mlp, s, n)},
        "set-pre": lambda s, n: {"layers.0.mlp.pre": lambda v: rows("io.act", mlp, s, n)},
        "set-attn": lambda s, n: {"layers.0.attn.out": lambda v: rows("io.attn", d, s, n)},
        "add": lambda s, n: {"layers.0.resid.post": lambda v: v + one,
                             "layers.1.attn.out": lambda v: v + rows("io.attn", d, s, n),
                             "layers.1.mlp.out": lambda v: v + one},
        "insert": lambda s, n: {"layers.1.mlp.act": sae_insert("sae", mlp, 64, 4, UNITS, False)},
        "insert-plain": lambda s, n: {"layers.1.mlp.act": sae_insert("sae", mlp, 64, 4, [], False)},
        "insert-error": lambda s, n: {"layers.1.mlp.act": sae_insert("sae", mlp, 64, 4, UNITS, True)},
    }


def small():
    out = {}
    for name, config in SMALL.items():
        model = build(config, torch.float64)
        ids = (hw.steps("ids." + name, sum(LENGTHS)) + 1024) % config[4]
        out[name + "/ids"] = ids.astype(np.int32)
        parts, start = [], 0
        changed = {k: [] for k in interventions(config)}
        for n in LENGTHS:
            seq = ids[start:start + n].tolist()
            logits, seen = run(model, seq)
            parts.append({**seen, "logits": logits, "loss": losses(logits, seq)})
            for k, f in interventions(config).items():
                changed[k].append(run(model, seq, f(start, n))[0])
            start += n
        for k in parts[0]:
            v = torch.cat([p[k] for p in parts])
            out[f"{name}/{k}"] = (v if k == "loss" else v[ROWS]).float().numpy()
        for k, v in changed.items():
            out[f"{name}/{k}"] = torch.cat(v)[ROWS].float().numpy()
        print(name, "residual std", float(parts[0]["final_norm"].std()), "logits std", float(parts[0]["logits"].std()),
              "loss", float(parts[0]["loss"][:-1].mean()))
    save_file(out, os.path.join(OUT, "small.safetensors"))


def arch_interventions(kind, d, mlp, z):
    """As above; a set point of every kind that the models above do not have."""
    def rows(key, width, start, n):
        return torch.from_numpy(hw.uniform(key, (sum(LENGTHS), width), 0)).double()[start:start + n]
    one = torch.from_numpy(hw.uniform("io.row", (d,), 0)).double()
    out = {
        "set-z": lambda s, n: {"layers.0.attn.z": lambda v: rows("io.z", z, s, n)},
        "set-in": lambda s, n: {"layers.1.mlp.in": lambda v: rows("io.attn", d, s, n)},
        "set-pre": lambda s, n: {"layers.0.mlp.pre": lambda v: rows("io.act", mlp, s, n)},
        "add": lambda s, n: {"layers.0.resid.post": lambda v: v + one,
                             "layers.1.attn.out": lambda v: v + rows("io.attn", d, s, n),
                             "layers.1.mlp.out": lambda v: v + one},
        "insert-error": lambda s, n: {"layers.1.mlp.act": sae_insert("sae", mlp, 64, 4, UNITS, True)},
    }
    if kind in ("gemma2", "gemma3_text"):
        out["module"] = lambda s, n: {"model.layers.0.self_attn": lambda v: v + one,
                                      "model.layers.1.mlp": lambda v: rows("io.attn", d, s, n)}
    return out


def archs():
    out = {}
    for name, config in ARCHS.items():
        model = build_arch(config)
        ids = (hw.steps("ids." + name, sum(LENGTHS)) + 1024) % config[3]["vocab_size"]
        out[name + "/ids"] = ids.astype(np.int32)
        parts, start = [], 0
        todo = None
        for n in LENGTHS:
            seq = ids[start:start + n].tolist()
            logits, seen = run(model, seq)
            parts.append({**seen, "logits": logits, "loss": losses(logits, seq)})
            if todo is None:
                width = {k: seen["layers.0." + k].shape[-1] for k in ("resid.pre", "mlp.act", "attn.z")}
                todo = arch_interventions(config[0], *width.values())
                changed = {k: [] for k in todo}
            for k, f in todo.items():
                changed[k].append(run(model, seq, f(start, n))[0])
            start += n
        for k in parts[0]:
            v = torch.cat([p[k] for p in parts])
            out[f"{name}/{k}"] = (v if k == "loss" else v[ARCH_ROWS]).float().numpy()
        for k, v in changed.items():
            out[f"{name}/{k}"] = torch.cat(v)[ARCH_ROWS].float().numpy()
        print(name, "residual std", float(parts[0]["layers.1.resid.post"].std()), "logits std",
              float(parts[0]["logits"].std()), "loss", float(parts[0]["loss"][:-1].mean()))
    save_file({k: np.ascontiguousarray(v) for k, v in out.items()}, os.path.join(OUT, "archs.safetensors"))


def bin_files():
    """Folders with pytorch_model.bin, whole and in shards: a GPT-2 with the buffers of published files, and the
    unembedding that shares the embedding's storage."""
    c = AutoConfig.for_model("gpt2", n_layer=1, n_embd=8, n_head=2, n_inner=12, vocab_size=20, n_positions=8,
                             bos_token_id=0, eos_token_id=0)
    model = AutoModelForCausalLM.from_config(c)
    with torch.no_grad():
        for name, p in model.named_parameters():
            v = hw.gamma(name, p.shape) if ".ln_" in name and name.endswith("weight") else hw.uniform(name, p.shape, 2)
            p.copy_(torch.from_numpy(v))
    state = {k: v.detach().half() for k, v in model.transformer.state_dict().items()}
    state["h.0.attn.bias"] = torch.tril(torch.ones(8, 8, dtype=torch.bool))[None, None]
    state["h.0.attn.masked_bias"] = torch.tensor(-1e4)
    state["lm_head.weight"] = state["wte.weight"]
    ids = [3, 1, 4, 1, 5, 9, 2, 6]
    with torch.no_grad():
        logits = model.double().eval()(torch.tensor([ids])).logits[0]
    text = json.dumps(dict(
        model_type="gpt2", activation_function="gelu_new", n_layer=1, n_embd=8, n_head=2, n_inner=12, vocab_size=20,
        n_positions=8, layer_norm_epsilon=1e-5, bos_token_id=0, tie_word_embeddings=True))
    names = sorted(state)
    shards = {"bin": {"pytorch_model.bin": names},
              "bin-shards": {f"pytorch_model-0000{i + 1}-of-00002.bin": names[i * 10:i * 10 + 10] for i in range(2)}}
    assert 10 < len(names) <= 20
    for folder, files in shards.items():
        at = os.path.join(OUT, folder)
        os.makedirs(at, exist_ok=True)
        with open(os.path.join(at, "config.json"), "w") as f:
            f.write(text + "\n")
        for file, inside in files.items():
            torch.save({k: state[k] for k in inside}, os.path.join(at, file))
        if len(files) > 1:
            with open(os.path.join(at, "pytorch_model.bin.index.json"), "w") as f:
                json.dump({"metadata": {}, "weight_map": {k: file for file, i in files.items() for k in i}}, f)
                f.write("\n")
        save_file({"ids": np.array(ids, np.int32), "logits": logits.float().numpy()}, os.path.join(at, "expected.safetensors"))


def pythia():
    out = {}
    torch.set_num_threads(2)
    for name, config in PYTHIA.items():
        model = build(config, torch.float32)
        for lang, ids in SENTENCES.items():
            logits, seen = run(model, ids)
            top = logits.topk(2, -1)
            gap = float((top.values[:, 0] - top.values[:, 1]).min())
            assert gap > 2e-4, f"{name} {lang}: choose other ids, the best two logits differ by {gap}"
            out[f"{name}/{lang}/loss"] = losses(logits, ids).float().numpy()
            out[f"{name}/{lang}/top1"] = top.indices[:, 0].to(torch.int32).numpy()
            columns = [0, 1, 2, 777, 31415, config[4] - 2, config[4] - 1]
            out[f"{name}/{lang}/logits"] = logits[:, columns].numpy()
            out[f"{name}/{lang}/act"] = seen["layers.1.mlp.act"][-1, ::64].numpy()
            print(name, lang, "gap", gap, "resid std", float(seen["layers.1.resid.post"].std()), "logits std",
                  float(logits.std()), "loss", float(losses(logits, ids)[:-1].mean()), flush=True)
        del model
    save_file({k: np.ascontiguousarray(v) for k, v in out.items()}, os.path.join(OUT, "pythia.safetensors"))


if __name__ == "__main__":
    torch.manual_seed(0)
    for part in sys.argv[1:] or ["small", "archs", "bin", "pythia"]:
        {"small": small, "archs": archs, "bin": bin_files, "pythia": pythia}[part]()
