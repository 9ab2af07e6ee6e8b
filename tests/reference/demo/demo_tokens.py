"""Encodes the corpus: <name>.npy, int32 tokens, every line closed by <|endoftext|> (id 0)."""
import sys, numpy as np
from tokenizers import Tokenizer
t = Tokenizer.from_file(sys.argv[1])
for path in sys.argv[2:]:
    lines = open(path, encoding="utf-8").read().split("\n")
    out = []
    for i in range(0, len(lines), 20000):
        for e in t.encode_batch([l for l in lines[i:i + 20000] if l]):
            out.append(np.asarray(e.ids + [0], np.int32))
    ids = np.concatenate(out)
    np.save(path.replace(".txt", ".npy"), ids)
    print(path, len(ids), "tokens", len(out), "lines")
