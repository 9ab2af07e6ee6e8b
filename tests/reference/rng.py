"""Draws as engine/base/rng.h: xoshiro256** (Blackman & Vigna 2018) seeded by splitmix64. For contrast.py, harvest.py,
neuron.py and statistics.py."""
MASK = (1 << 64) - 1


def mix(z):
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


class Rng:
    def __init__(self, seed):
        self.s = [mix(seed + i * 0x9E3779B97F4A7C15 & MASK) for i in range(1, 5)]

    def u64(self):
        def rotl(x, k):
            return (x << k | x >> 64 - k) & MASK

        s = self.s
        out, t = rotl(s[1] * 5 & MASK, 7) * 9 & MASK, s[1] << 17 & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotl(s[3], 45)
        return out

    def below(self, n):
        while True:
            x = self.u64()
            if x >= (1 << 64) % n:
                return x % n

    def shuffle(self, a):
        """Fisher-Yates."""
        for i in range(len(a), 1, -1):
            j = self.below(i)
            a[i - 1], a[j] = a[j], a[i - 1]
