"""Writes tests/golden/formats: small files as PyTorch and safetensors write them, and what they hold.

pip install torch==2.15.0 safetensors==0.8.0 numpy==2.4.6
python3 tests/reference/formats.py      from the root of the repository
"""
import collections
import hashlib
import json
import os
import zipfile

import numpy as np
import safetensors.torch
import torch

OUT = "tests/golden/formats"
os.makedirs(OUT, exist_ok=True)
torch.manual_seed(0)
expected = {}


def describe(tensors):
    """Shape, and the float32 bits of every element, in name order."""
    return {
        name: {
            "shape": list(t.shape),
            "bits": t.detach().float().contiguous().flatten().view(torch.int32).tolist(),
        }
        for name, t in sorted(tensors.items())
    }


def save(name, what, tensors, facts=None, **options):
    torch.save(what, f"{OUT}/{name}.pt", **options)
    expected[f"{name}.pt"] = {"tensors": describe(tensors), "facts": facts or {}}


special = torch.tensor([0.0, -0.0, 1.0, -2.5, 65504.0, 6e-8, 6.1e-5, float("inf"), float("-inf")])
types = {
    "f32": torch.randn(3, 5),
    "f16": special.half(),
    "bf16": special.bfloat16().reshape(3, 3),
    "scalar": torch.tensor(2.25),
    "empty": torch.zeros(0, 4),
    "four": torch.arange(24.0).reshape(2, 3, 2, 2),
    "long": torch.randn(70).half(),
}
save("types", types, types)
# What we list and do not compute with.
save("others", {"f64": torch.ones(2).double(), "i64": torch.arange(3), "i32": torch.arange(3).int(),
                "i16": torch.ones(1).short(), "i8": torch.ones(1, dtype=torch.int8),
                "u8": torch.ones(5, dtype=torch.uint8), "bool": torch.tensor([True, False]),
                "c64": torch.ones(1, dtype=torch.complex64)}, {})

base = torch.randn(40, 33)
views = {
    "transposed": base.t(),
    "rows": base[7:19],
    "transposed_rows": base[4:20].t(),
    "column": torch.randn(6)[:, None].expand(6, 1),
    "row": torch.randn(1, 6),
    "half_transposed": torch.randn(5, 37).half().t(),
}
save("views", views, views)
strided = {"every_other": torch.randn(8)[::2]}
save("strided", strided, strided)
expanded = {"expanded": torch.randn(4, 1).expand(4, 3)}
save("expanded", expanded, expanded)

linear = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1, bias=False))
save("module", linear.state_dict(), linear.state_dict())
parameter = torch.nn.Parameter(torch.randn(2, 2))
save("parameter", {"w": parameter, "frozen": torch.nn.Parameter(torch.ones(2), requires_grad=False)},
     {"w": parameter, "frozen": torch.ones(2)})
nested = {"ae": {"encoder.weight": torch.randn(2, 3), "k": torch.tensor(4.0)}, "list": [torch.ones(1), 7]}
save("nested", {"step": 300, "ae": nested["ae"], "list": nested["list"], "activation": "TopK", "lr": 0.001,
                "activation_state_dict": {"k": 32, "postact_fn": "ReLU"}, "signed": True, "none": None,
                "big": 2**40, "negative": -5, "size": torch.Size([2, 3]), "betas": (0.9, 0.999), 3: "three",
                "ordered": collections.OrderedDict(a="x")},
     {"ae.encoder.weight": nested["ae"]["encoder.weight"], "ae.k": nested["ae"]["k"], "list.0": torch.ones(1)},
     {"step": "300", "list.1": "7", "activation": "TopK", "lr": "0.001", "activation_state_dict.k": "32",
      "activation_state_dict.postact_fn": "ReLU", "signed": "true", "big": str(2**40), "negative": "-5",
      "size.0": "2", "size.1": "3", "betas.0": "0.9", "betas.1": "0.999", "3": "three", "ordered.a": "x"})
shared = torch.randn(4)
save("shared", {"a": shared, "b": shared}, {"a": shared, "b": shared})

whole = torch.arange(360.0).reshape(3, 4, 5, 6)
gaps = {"turned": whole.permute(3, 1, 0, 2), "inner": whole[1:, ::2, 1:4, 5], "last": whole[2, 3].t()[::3],
        "halves": whole[0].half()[:, :, 2].t(), "bf16": whole[1].bfloat16().transpose(0, 2)[1:], "same": whole}
save("gaps", gaps, gaps)
with zipfile.ZipFile(f"{OUT}/gaps.pt") as stored, zipfile.ZipFile(
        f"{OUT}/deflated.pt", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as deflated:
    for name in stored.namelist():  # as archives are packed again
        deflated.writestr(zipfile.ZipInfo(name), stored.read(name), zipfile.ZIP_DEFLATED)
expected["deflated.pt"] = expected["gaps.pt"]

# To be refused.
torch.save({"a": torch.ones(2)}, f"{OUT}/legacy.pt", _use_new_zipfile_serialization=False)
torch.save({"a": torch.ones(2)}, f"{OUT}/protocol4.pt", pickle_protocol=4)
torch.save([torch.ones(2)], f"{OUT}/list.pt")
torch.save(linear, f"{OUT}/whole_module.pt")


class Evil:
    def __reduce__(self):
        return (os.system, ("true",))


torch.save({"a": torch.ones(2), "b": Evil()}, f"{OUT}/evil.pt")

st = {**types, "i32": torch.arange(3, dtype=torch.int32)}
safetensors.torch.save_file(st, f"{OUT}/types.safetensors", metadata={"format": "pt", "æ": "ø\nå"})
expected["types.safetensors"] = {"tensors": describe(st), "facts": {"format": "pt", "æ": "ø\nå"}}
safetensors.torch.save_file({"f64": torch.ones(2).double(), "i64": torch.arange(3), "u8": torch.ones(3).byte(),
                             "f8": torch.ones(4).to(torch.float8_e4m3fn)}, f"{OUT}/others.safetensors")

# All 16-bit patterns as float32, without the NaNs, whose payload is nobody's concern.
every = np.arange(65536, dtype=np.uint16)
for name, wide in (("f16", every.view(np.float16).astype(np.float32)),
                   ("bf16", (every.astype(np.uint32) << 16).view(np.float32))):
    expected[f"all {name}"] = hashlib.sha256(wide[~np.isnan(wide)].tobytes()).hexdigest()

with open(f"{OUT}/expected.json", "w", encoding="utf-8") as f:
    json.dump(expected, f, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    f.write("\n")
