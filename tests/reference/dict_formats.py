#!/usr/bin/env python3
"""Small SAE checkpoints of other people's formats, written and read by their own packages: tests/golden/dict/formats/
and, what these packages encode and decode, formats.safetensors in it.

    pip install torch==2.15.0 numpy safetensors sae-lens==6.54.12
    python tests/reference/dict_formats.py

Of each case CASE/acts [T, m] and CASE/x_hat [T, n] for the x of hash_weights.py."""
import json
import os
import shutil
import sys

import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, os.path.dirname(__file__))
import hash_weights as hw  # noqa: E402

OUT = os.path.join(os.path.dirname(__file__), "..", "golden", "dict", "formats")
T, N, M = 9, 12, 40
found = {}


def x_of(n=N):
    return torch.from_numpy(hw.uniform("x", (T, n), 0).copy())


def drawn(module, seed):
    """The parameters of a module in random numbers, a sixteenth exact, so that half precision holds them too."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in module.named_parameters():
            scale = 0.5 if p.dim() > 1 else 0.25
            p.copy_(torch.round(torch.randn(p.shape, generator=g) * scale * 64) / 64)
            if "threshold" in name:
                p.abs_()
    return module


def folder(*name):
    path = os.path.join(OUT, *name)
    os.makedirs(path, exist_ok=True)
    return path


def config(path, **changes):
    """Changes a JSON in place; None drops an entry."""
    with open(path) as f:
        c = json.load(f)
    for k, v in changes.items():
        c[k] = v
        if v is None:
            del c[k]
    with open(path, "w") as f:
        json.dump(c, f, indent=1)


def half(path, dtype=torch.bfloat16):
    """The same tensors in half the bytes."""
    save_file({k: v.to(dtype) if v.dtype == torch.float32 else v for k, v in load_file(path).items()}, path)


# ---- SAELens
META = dict(model_name="pythia-70m-deduped", hook_name="blocks.3.hook_mlp_out", hook_head_index=None, prepend_bos=False,
            context_size=128)


def saelens_result(name, path):
    from sae_lens import SAE
    sae = SAE.load_from_disk(path, dtype="float32")  # of half precision what the values mean
    x = x_of()
    with torch.no_grad():
        acts = sae.encode(x)
        found[f"{name}/acts"] = acts
        found[f"{name}/x_hat"] = sae.decode(acts)


def saelens():
    from sae_lens import saes
    from sae_lens.saes.sae import SAEMetadata

    def make(name, cls, cfg, seed, dtype=None, **kw):
        torch.manual_seed(seed)
        sae = drawn(cls(cfg(d_in=N, d_sae=M, metadata=SAEMetadata(**META), **kw)), seed)
        path = folder("saelens", name)
        sae.save_model(path)
        config(os.path.join(path, "cfg.json"))
        if dtype:
            half(os.path.join(path, "sae_weights.safetensors"), dtype)
            config(os.path.join(path, "cfg.json"), dtype=str(dtype))
        return path

    def inference(name, cls, cfg, seed, checkpoint=False, after=None, **kw):
        """A training SAE: as it is saved for inference, and its checkpoint; both mean the same."""
        torch.manual_seed(seed)
        sae = drawn(cls(cfg(d_in=N, d_sae=M, metadata=SAEMetadata(**META), **kw)), seed)
        if after:
            after(sae)
        path = folder("saelens", name)
        sae.save_inference_model(path)
        config(os.path.join(path, "cfg.json"))
        saelens_result(f"saelens/{name}", path)
        if checkpoint:
            path = folder("saelens", name + "-checkpoint")
            sae.save_model(path)
            config(os.path.join(path, "cfg.json"))
            for what in ("acts", "x_hat"):
                found[f"saelens/{name}-checkpoint/{what}"] = found[f"saelens/{name}/{what}"].clone()

    S = "saelens/"
    saelens_result(S + "standard", make("standard", saes.StandardSAE, saes.StandardSAEConfig, 1))
    saelens_result(S + "jumprelu", make("jumprelu", saes.JumpReLUSAE, saes.JumpReLUSAEConfig, 2, apply_b_dec_to_input=False))
    saelens_result(S + "topk", make("topk", saes.TopKSAE, saes.TopKSAEConfig, 3, torch.float16, k=20))
    saelens_result(S + "topk-rescaled", make("topk-rescaled", saes.TopKSAE, saes.TopKSAEConfig, 4, k=5,
                                             rescale_acts_by_decoder_norm=True))
    saelens_result(S + "abstopk", make("abstopk", saes.AbsTopKSAE, saes.AbsTopKSAEConfig, 5, torch.bfloat16, k=6))
    saelens_result(S + "gated", make("gated", saes.GatedSAE, saes.GatedSAEConfig, 6, torch.bfloat16))

    # configurations of releases before 6, as their files have them
    path = make("old-standard", saes.StandardSAE, saes.StandardSAEConfig, 7)
    save_file({**load_file(path + "/sae_weights.safetensors"), "scaling_factor": torch.ones(M)},
              path + "/sae_weights.safetensors")
    with open(path + "/cfg.json", "w") as f:
        json.dump(dict(d_in=N, d_sae=M, model_name="gpt2-small", hook_point="blocks.2.hook_resid_pre", hook_point_layer=2,
                       hook_point_head_index=None, normalize_activations=None, dtype="torch.float32", device="cpu"), f,
                  indent=1)
    saelens_result(S + "old-standard", path)
    path = make("old-topk", saes.TopKSAE, saes.TopKSAEConfig, 8, torch.float16, k=5)
    with open(path + "/cfg.json", "w") as f:
        json.dump(dict(d_in=N, d_sae=M, model_name="gpt2-small", hook_name="blocks.2.hook_resid_pre", hook_layer=2,
                       activation_fn_str="topk", activation_fn_kwargs={"k": 5}, normalize_activations=False,
                       apply_b_dec_to_input=True, finetuning_scaling_factor=False, prepend_bos=False, dtype="float16",
                       sae_lens_training_version="3.11.0"), f, indent=1)
    saelens_result(S + "old-topk", path)

    # training SAEs
    inference("jumprelu-trained", saes.JumpReLUTrainingSAE, saes.JumpReLUTrainingSAEConfig, 9)
    path = folder("saelens", "jumprelu-log")  # a checkpoint from when the logarithm was stored
    weights = load_file(folder("saelens", "jumprelu-trained") + "/sae_weights.safetensors")
    weights["log_threshold"] = torch.log(weights.pop("threshold").clamp(min=1e-3))
    save_file(weights, path + "/sae_weights.safetensors")
    shutil.copy(folder("saelens", "jumprelu-trained") + "/cfg.json", path)
    weights["threshold"] = torch.exp(weights.pop("log_threshold"))
    as_saved = folder("saelens", "as-saved")
    save_file(weights, as_saved + "/sae_weights.safetensors")
    shutil.copy(path + "/cfg.json", as_saved)
    saelens_result(S + "jumprelu-log", as_saved)
    shutil.rmtree(as_saved)

    def threshold(sae):
        sae.topk_threshold = torch.tensor(0.4, dtype=torch.float64)

    inference("batchtopk", saes.BatchTopKTrainingSAE, saes.BatchTopKTrainingSAEConfig, 10, True, threshold, k=5,
              rescale_acts_by_decoder_norm=False)
    inference("batchtopk-rescaled", saes.BatchTopKTrainingSAE, saes.BatchTopKTrainingSAEConfig, 11, True, threshold, k=5,
              rescale_acts_by_decoder_norm=True)
    inference("matryoshka", saes.MatryoshkaBatchTopKTrainingSAE, saes.MatryoshkaBatchTopKTrainingSAEConfig, 12, True,
              threshold, k=5, matryoshka_widths=[10, 40])
    inference("topk-trained", saes.TopKTrainingSAE, saes.TopKTrainingSAEConfig, 13, True, k=5)


if __name__ == "__main__":
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    saelens()
    save_file({k: v.detach().float().contiguous() for k, v in found.items()}, os.path.join(OUT, "formats.safetensors"))
