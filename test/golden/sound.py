#!/usr/bin/env python3
"""Golden values of resampling and of log-mel spectrograms by torchaudio and librosa on fixtures/sounds -> sound.json, and two FLAC
files of the same sounds by libsndfile -> word.flac, stereo24.flac.

    python3 test/golden/sound.py

resample  {sound, from, to, first, count, values}: torchaudio.functional.resample of some samples of a sound, float64
logMel    {bank, spec, sound, frames, every, values}: ln(M + 2^-23) of every so many-th frame, row-major [mels, frames / every];
          htk by torchaudio.transforms.MelSpectrogram, slaney by librosa.feature.melspectrogram; float64
bands     {bank, spec, sums, centroid}: of each band of the paper's filter bank, the sum of its weights, and their mean bin
"""

import json
import pathlib

import librosa
import numpy as np
import soundfile
import torch

# A torchaudio built for another CUDA version computes the same on CPUs, but refuses to be imported.
torch.version.cuda = None
import torchaudio  # noqa: E402

import ops  # noqa: E402

HERE = pathlib.Path(__file__).parent
SOUNDS = HERE.parent.parent / 'fixtures' / 'sounds'
WORD, OTHER = 'tano_a_0.wav', 'selu_b_0.wav'
EPSILON = 2.0 ** -23
PAPER = {'rate': 16000, 'nFft': 1024, 'hop': 160, 'mels': 64, 'fmin': 60, 'fmax': 7800}
SMALL = {'rate': 8000, 'nFft': 256, 'hop': 80, 'mels': 20, 'fmin': 60, 'fmax': 3900}


def read(name):
    samples, rate = soundfile.read(SOUNDS / name, dtype='float64')
    assert rate == 8000
    return torch.from_numpy(samples)


def resampled(rate):
    samples = read(WORD)[1000:1300]
    values = torchaudio.functional.resample(samples, 8000, rate)
    return {'sound': WORD, 'from': 8000, 'to': rate, 'first': 1000, 'count': 300, 'values': rounded(values)}


def log_mel(bank, spec, samples):
    common = {'n_fft': spec['nFft'], 'hop_length': spec['hop'], 'n_mels': spec['mels']}
    if bank == 'htk':
        mel = torchaudio.transforms.MelSpectrogram(sample_rate=spec['rate'], f_min=spec['fmin'], f_max=spec['fmax'], power=2.0, **common)
        return torch.log(mel(samples) + EPSILON)
    mel = librosa.feature.melspectrogram(
        y=samples.numpy(), sr=spec['rate'], fmin=spec['fmin'], fmax=spec['fmax'], power=2.0, pad_mode='reflect', dtype=np.float64, **common)
    return torch.log(torch.from_numpy(mel) + EPSILON)


def spectrogram(bank, spec, name, every, upsample=False):
    samples = read(name)
    if upsample:
        samples = torchaudio.functional.resample(samples, 8000, spec['rate'])
    values = log_mel(bank, spec, samples)
    return {'bank': bank, 'spec': spec, 'sound': name, 'frames': values.shape[1], 'every': every, 'values': rounded(values[:, ::every])}


def bands(bank):
    bins = PAPER['nFft'] // 2 + 1
    if bank == 'htk':
        weights = torchaudio.functional.melscale_fbanks(bins, PAPER['fmin'], PAPER['fmax'], PAPER['mels'], PAPER['rate']).T
    else:
        weights = torch.from_numpy(librosa.filters.mel(
            sr=PAPER['rate'], n_fft=PAPER['nFft'], n_mels=PAPER['mels'], fmin=PAPER['fmin'], fmax=PAPER['fmax'], dtype=np.float64))
    sums = weights.sum(1)
    return {'bank': bank, 'spec': PAPER, 'sums': rounded(sums), 'centroid': rounded(weights @ torch.arange(bins, dtype=weights.dtype) / sums)}


def rounded(values):
    return [float(f'{value:.8g}') for value in values.flatten().tolist()]


def main():
    torch.set_default_dtype(torch.float64)
    golden = {
        'resample': [resampled(rate) for rate in (16000, 11025, 6000, 1000)],
        'logMel': [
            spectrogram('htk', SMALL, WORD, 7), spectrogram('slaney', SMALL, OTHER, 7),
            spectrogram('htk', PAPER, WORD, 16, upsample=True), spectrogram('slaney', PAPER, WORD, 16, upsample=True),
        ],
        'bands': [bands('htk'), bands('slaney')],
    }
    text = ',\n'.join(f'"{key}": {ops.lines(entries)}' for key, entries in golden.items())
    (HERE / 'sound.json').write_text(f'{{{text}}}\n')
    word, other = (soundfile.read(SOUNDS / name, dtype='int16')[0] for name in (WORD, OTHER))
    soundfile.write(HERE / 'word.flac', word, 8000, subtype='PCM_16')
    length = 2000
    stereo = np.stack([word[:length], other[:length]], 1).astype(np.int32) << 16
    soundfile.write(HERE / 'stereo24.flac', stereo, 44100, subtype='PCM_24')


if __name__ == '__main__':
    main()
