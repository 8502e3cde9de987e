#!/usr/bin/env python3
"""Writes philox.json: random streams by an independent implementation in plain Python integers and floats."""
import hashlib
import json
import math
import pathlib
import struct

MASK = 0xFFFFFFFF


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & MASK, (p0 >> 32) ^ c[3] ^ k[1], p0 & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


def words(seed, name, step, count):
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little") ^ seed
    out = []
    for block in range((count + 3) // 4):
        counter = [block & MASK, block >> 32, step & MASK, step >> 32]
        out += philox(counter, [key & MASK, key >> 32])
    return out[:count]


def f32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def normals(drawn, mean, std):
    out = []
    for a, b in zip(drawn[::2], drawn[1::2]):
        radius = math.sqrt(-2 * math.log((a + 1) / 2**32))
        angle = 2 * math.pi * b / 2**32
        out += [f32(mean + std * radius * math.cos(angle)), f32(mean + std * radius * math.sin(angle))]
    return out


def integers(drawn, hi, count):
    limit = 2**32 // hi * hi
    return [w % hi for w in drawn if w < limit][:count]


cases = []
for seed, name, step in [(0, "init", 0), (1, "init", 0), (7, "augment/crop", 3),
                         (2**53 - 1, "größe", 2**40 + 5), (2**32, "init", 2**32)]:
    drawn = words(seed, name, step, 64)
    cases.append({
        "seed": seed, "name": name, "step": step,
        "uint32": drawn[:11],
        "next": [((a >> 5) * 2**26 + (b >> 6)) / 2**53 for a, b in zip(drawn[:6:2], drawn[1:6:2])],
        "uniform": [f32(-1 + 3 * (w >> 8) / 2**24) for w in drawn[:9]],
        "normal": normals(drawn[:12], 0.5, 2),
        "integers": integers(drawn, 3_000_000_000, 12),
        "bernoulli": [int(w < 0.3 * 2**32) for w in drawn[:20]],
    })
path = pathlib.Path(__file__).with_name("philox.json")
path.write_text(json.dumps(cases, indent=1, ensure_ascii=False) + "\n")
