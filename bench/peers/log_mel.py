#!/usr/bin/env python3
"""Log-mel spectrograms of BYOL-A's front end by torchaudio: seconds of sound at 16 kHz that a second makes."""

import argparse
import json
import resource
import time

import torch
import torchaudio

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument('--seconds', type=int, default=60, help='length of a clip')
parser.add_argument('--clips', type=int, default=20)
parser.add_argument('--threads', type=int, default=1)
args = parser.parse_args()

torch.set_num_threads(args.threads)
RATE = 16000
mel = torchaudio.transforms.MelSpectrogram(
    sample_rate=RATE, n_fft=1024, win_length=1024, hop_length=160, n_mels=64, f_min=60, f_max=7800)
clip = torch.randn(args.seconds * RATE, generator=torch.Generator().manual_seed(0))


def extract():
    before = time.perf_counter()
    (mel(clip) + torch.finfo(torch.float32).eps).log()
    return time.perf_counter() - before


with torch.no_grad():
    extract()
    times = sorted(extract() for _ in range(args.clips))
median = times[len(times) // 2]
print(json.dumps({
    'clip_ms': 1e3 * median, 'seconds_per_second': args.seconds / median,
    'max_rss_mb': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
}))
