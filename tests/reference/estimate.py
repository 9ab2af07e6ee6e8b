#!/usr/bin/env python3
"""Prints the rows of tests/engine/session/test_estimate.c: quantiles of Student's t, and intervals of means of paired
differences with a finite population. pip install scipy==1.14.1 numpy"""
import numpy as np
from scipy import stats

print("/* p, df, quantile */")
for df in (1, 2, 3, 5, 10, 15, 31, 63, 127, 255, 1000, 100000):
    for p in (0.6, 0.975, 0.9875, 0.99375, 0.9995):
        print(f"    {{{p}, {df}, {stats.t.ppf(p, df)!r}}},".replace("np.float64(", "").replace(")", ""))

print("/* n, N, looks, mean, sd, partial, sampling */")
for n, N in ((16, 20), (16, 64), (64, 100), (64, 300), (256, 300), (20, 20)):
    # integers, so that the test makes the same numbers: x_i = ((7919 * i) % 101) / 10
    x = np.array([(7919 * i % 101) / 10 for i in range(n)])
    looks = sum(k < N for k in (16, 64, 256)) + 1
    sd = x.std(ddof=1)
    partial = stats.t.ppf(1 - 0.05 / looks / 2, n - 1) * sd / np.sqrt(n) * np.sqrt(1 - n / N)
    sampling = stats.t.interval(0.95, n - 1, loc=0, scale=stats.sem(x))[1]
    print(f"    {{{n}, {N}, {looks}, {float(x.mean())!r}, {float(sd)!r}, {float(partial)!r}, {float(sampling)!r}}},")
