import { defaultLogMel, logMel } from '../src/core/data/sound/log-mel.js';
import { stream } from '../src/core/random.js';
import { count, parseOptions, runMain, text } from './command-line.js';
import { median, peakRssMb, timed } from './measure.js';

/**
 * Log-mel spectrograms of BYOL-A's front end: seconds of sound at 16 kHz that a second of one core makes, as its peer measures
 * them (bench/peers/log_mel.py):
 *
 *     node .build/bench/log-mel.js --seconds 60 --clips 20
 */
async function main(args: readonly string[]): Promise<void> {
  const given = parseOptions(args, { seconds: text(60), clips: text(20) });
  const [seconds, clips] = [count('seconds', given.seconds), count('clips', given.clips)];
  const rate = 16_000;
  const extract = logMel(defaultLogMel(rate));
  const clip = stream(0, 'clip').normal(seconds * rate);
  extract(clip);
  const milliseconds = Array.from({ length: clips }, () => timed(() => extract(clip))[1]);
  const perSecond = (seconds * 1000) / median(milliseconds);
  console.log(JSON.stringify({ clip_ms: median(milliseconds), seconds_per_second: perSecond, max_rss_mb: peakRssMb() }));
}

await runMain(main);
