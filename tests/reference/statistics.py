#!/usr/bin/env python3
"""Writes tests/golden/statistics/expected.txt: tails of Student's t (mpmath), Welch's test (scipy), quantiles and
histograms (numpy), and bootstraps that draw as engine/base/rng.h says. The data are made by a formula that
tests/engine/base/test_statistics.c knows too. pip install mpmath==1.3.0 scipy==1.17.1 numpy==2.4.6"""
import os

import mpmath
import numpy as np
from rng import Rng
from scipy import stats

lines = []


def say(kind, *values):
    lines.append(" ".join([kind] + [repr(float(v)) if isinstance(v, float) else str(v) for v in values]))


def data(n, step, modulus, divisor):
    return np.array([(step * i % modulus) / divisor for i in range(n)])


def tail(t, df):
    """P(|T| >= t): the incomplete beta function, or where its series is too slow the integral of the density."""
    t, df = mpmath.mpf(t), mpmath.mpf(df)
    if df < 1000:
        return mpmath.betainc(df / 2, mpmath.mpf(1) / 2, 0, 1 / (1 + t**2 / df), regularized=True)
    log_density = mpmath.loggamma((df + 1) / 2) - mpmath.loggamma(df / 2) - mpmath.log(df * mpmath.pi) / 2
    log_density -= (df + 1) / 2 * mpmath.log1p(t**2 / df)
    cuts = [k / (1 + t) for k in (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)]
    over = mpmath.quad(lambda u: mpmath.exp(-(df + 1) / 2 * mpmath.log1p(u * (2 * t + u) / (df + t**2))), cuts)
    return 2 * mpmath.exp(log_density) * over


def tails():
    mpmath.mp.dps = 50
    for df in (0.5, 1.0, 1.5, 2.0, 3.7, 10.0, 29.25, 50.0, 100.0, 1234.5, 99999.0, 1e7, 1e12):
        for t in (1e-9, 0.01, 0.5, 1.0, 1.4, 1.7, 1.75, 2.0, 3.0, 5.0, 10.0, 20.0, 36.0, 1e3, 1e8):
            p = tail(t, df) if df < 1000 or t < 100 else 0
            if p > mpmath.mpf("1e-290"):
                say("two_sided", t, df, float(p))
    for df in (1.0, 3.7, 100.0, 999.0, 99999.0, 1e7):  # also where p is below every double
        for t in (0.01, 1.0, 3.0, 36.0, 60.0, 1e3, 1e8):
            if df < 1000 or t < 100:
                say("log_two_sided", t, df, float(mpmath.log(tail(t, df))))


def welch():
    for na, nb, lift in ((2, 2, 0.0), (5, 9, 0.3), (40, 7, 1.0), (500, 500, 2.0), (3000, 200, 3.0)):
        a, b = data(na, 7919, 101, 10.0) + lift, data(nb, 104729, 97, 25.0)
        r = stats.ttest_ind(a, b, equal_var=False)
        say("welch", na, nb, lift, float(r.statistic), float(r.df), float(r.pvalue))
        r = stats.ttest_ind(a, b, equal_var=True)
        t, df = float(r.statistic), float(na + nb - 2)
        say("pooled", na, nb, lift, t, df, float(r.pvalue), float(mpmath.log(tail(t, df))))
    a, b = data(30, 7919, 101, 10.0), np.full(12, 2.0)  # one side without variance
    r = stats.ttest_ind(a, b, equal_var=False)
    say("welch_flat", 30, 12, 2.0, float(r.statistic), float(r.df), float(r.pvalue))


def quantiles():
    for n in (1, 2, 7, 100, 2000):
        x = np.sort(data(n, 7919, 1013, 7.0))
        for q in (0.0, 0.025, 0.25, 0.5, 0.975, 1.0):
            say("quantile", n, q, float(np.quantile(x, q)))


def bootstraps():
    for n, draws, seed in ((3, 40, 2), (50, 2000, 0), (1000, 100, 0xFFFFFFFFFFFFFFFF)):
        num, den = data(n, 7919, 101, 10.0), data(n, 104729, 97, 25.0) + 1
        for ratio in (False, True):
            rng, values = Rng(seed), []
            for _ in range(draws):
                above = under = 0.0
                for _ in range(n):
                    i = rng.below(n)
                    above += float(num[i])
                    under += float(den[i]) if ratio else 1.0
                values.append(above / under)
            lo, hi = np.quantile(values, [0.025, 0.975])
            say("bootstrap", n, draws, seed, int(ratio), float(lo), float(hi))


def histograms():
    for n, step, modulus, divisor, lo, hi, bins in (
        (3000, 7919, 101, 10.0, 0.0, 10.0, 29), (3000, 7919, 101, 10.0, 0.0, 10.0, 100),
        (3000, 7919, 1013, 7.0, 3.3, 77.7, 30), (500, 7919, 5, 1.0, 2.0, 2.0, 10),
        (1000, 7919, 301, 3.0, 0.1, 0.7, 3), (1000, 104729, 977, 97.7, -1.0, 9.9, 29)):
        x = data(n, step, modulus, divisor).astype(np.float32)
        count, _ = np.histogram(x.astype(np.float64), bins=bins, range=(lo, hi))
        say("histogram", n, step, modulus, divisor, lo, hi, bins, *count)
        flat = np.arange(1, bins + 1, dtype=np.float64)
        if count.sum() > 0:
            overlap = np.minimum(count / count.sum(), flat / flat.sum()).sum()
            say("overlap", bins, float(overlap), *count)


for part in (tails, welch, quantiles, bootstraps, histograms):
    part()
out = os.path.join(os.path.dirname(__file__), "../golden/statistics/expected.txt")
os.makedirs(os.path.dirname(out), exist_ok=True)
with open(out, "w", encoding="ascii") as f:
    f.write("\n".join(lines) + "\n")
