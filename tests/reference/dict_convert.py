#!/usr/bin/env python3
"""Reads back with the packages themselves what `glimt convert` makes of the checkpoints of dict_formats.py, and compares
what they encode and decode with formats.safetensors.

    pip install torch==2.15.0 numpy safetensors sae-lens==6.54.12 eai-sparsify==1.3.3
    python tests/reference/dict_convert.py build/glimt"""
import os
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file

sys.path.insert(0, os.path.dirname(__file__))
import dict_formats as df  # noqa: E402


def saelens(path, x):
    from sae_lens import SAE
    sae = SAE.load_from_disk(path)
    return sae.encode(x), sae(x)  # the whole of it: decode() knows nothing of a skip connection


def sparsify(path, x):
    from sparsify import SparseCoder
    sae = SparseCoder.load_from_disk(path, device="cpu")
    top = sae.encode(x)
    acts = torch.zeros(len(x), sae.num_latents).scatter_(1, top.top_indices, top.top_acts)
    y = sae.decode(top.top_acts, top.top_indices)
    return acts, y if sae.W_skip is None else y + x @ sae.W_skip.mT


def paths():
    for at, _, files in os.walk(df.OUT):
        for f in files:
            other = f in ("formats.safetensors", "activation_whitening.safetensors")
            if not other and os.path.splitext(f)[1] in (".safetensors", ".pt", ".npz"):
                yield os.path.join(at, f)


def main():
    gold = load_file(os.path.join(df.OUT, "formats.safetensors"))
    names = sorted({k.rsplit("/", 1)[0] for k in gold})
    read = 0
    for path in sorted(paths()):
        for target, back in (("saelens", saelens), ("sparsify", sparsify)):
            with tempfile.TemporaryDirectory() as d:
                r = subprocess.run([sys.argv[1], "convert", path, "--to", target, "--output", d], capture_output=True,
                                   text=True)
                if r.returncode:
                    assert "can't express" in r.stderr, r.stderr
                    continue
                with torch.no_grad():
                    acts, x_hat = back(d, df.x_of())
                # the numbers of one of the cases, and of no other kind
                close = [n for n in names if gold[n + "/acts"].shape == acts.shape
                         and torch.allclose(gold[n + "/acts"], acts, atol=1e-5)
                         and torch.allclose(gold[n + "/x_hat"], x_hat, atol=1e-5)]
                family = os.path.relpath(path, df.OUT).split("/")[0]
                assert any(n.split("/")[0] == family for n in close), (path, target, close)
                read += 1
    print(read, "read back")


if __name__ == "__main__":
    main()
