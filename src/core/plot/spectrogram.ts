import type { TopLevelSpec } from 'vega-lite';
import { decibels, HOP, WINDOW, type Spectrogram } from '../data/sound/spectrogram.js';
import { HEAT } from './theme.js';

export interface SpectrogramOptions {
  readonly title: string;
  readonly subtitle: string;
  /** Samples per second, and the sound's length in seconds. */
  readonly rate: number;
  readonly duration: number;
}

export interface SpectrogramPanel {
  /** Name of the channel or sound, where there are several. */
  readonly name?: string;
  readonly spectrum: Spectrogram;
}

/** Width of the plot in pixels, and so the most frames that are worth their while. */
export const WIDTH = 720;

/** Decibels below the loudest value that are shown: what speech and music have above their noise. */
const RANGE = 80;

/** Spectrograms of channels or sounds, one above the other, as a Vega-Lite chart: time, frequency, and power in decibels. */
export async function spectrogramChart(panels: readonly SpectrogramPanel[], o: SpectrogramOptions): Promise<TopLevelSpec> {
  const levels = decibels(panels.map(({ spectrum }) => spectrum), RANGE);
  const height = panels.length > 1 ? 200 : 340;
  const charts = await Promise.all(panels.map(async ({ name, spectrum: { frames, bins, hop } }, i) => {
    // A value is a rectangle around the middle of its windows and its frequency, in seconds and kHz.
    const start = (WINDOW - HOP) / 2;
    const end = start + (frames * hop) / o.rate;
    const longest = Math.max(o.duration, end);
    const top = o.rate / 2000;
    const step = top / (bins - 1);
    const place = { x: start, x2: end, y: -step / 2, y2: top + step / 2 };
    const last = i === panels.length - 1;
    return {
      width: WIDTH, height, ...(name !== undefined && { title: { text: name, fontSize: 13, offset: 6 } }),
      layer: [{
        data: { values: [{ ...place, level: 0 }] },
        // Nothing is drawn: the layer is there for its colour scale.
        mark: { type: 'rect' as const, opacity: 0, aria: false },
        encoding: {
          x: {
            field: 'x', type: 'quantitative' as const, title: last ? 'time (s)' : null,
            scale: { domain: [0, longest], nice: false }, axis: { grid: false, labels: last },
          },
          y: {
            field: 'y', type: 'quantitative' as const, title: 'frequency (kHz)',
            scale: { domain: [place.y, place.y2], nice: false, zero: false }, axis: { grid: false, tickCount: height / 40 },
          },
          x2: { field: 'x2' }, y2: { field: 'y2' },
          color: {
            field: 'level', type: 'quantitative' as const, scale: { domain: [-RANGE, 0], range: [...HEAT] },
            legend: {
              title: 'dB (peak = 0)', titleFontWeight: 'normal' as const, titleLimit: 200, gradientLength: 180, gradientOpacity: 1,
              values: [0, 1, 2, 3, 4].map((quarter) => (-RANGE * quarter) / 4),
            },
          },
        },
      }, {
        data: { values: [{ x: (place.x + place.x2) / 2, y: (place.y + place.y2) / 2 }] },
        mark: {
          type: 'image' as const, aria: false, aspect: false, url: await raster(levels[i]!, frames, bins),
          width: (WIDTH * (end - start)) / longest, height,
        },
        encoding: { x: { field: 'x', type: 'quantitative' as const }, y: { field: 'y', type: 'quantitative' as const } },
      }],
    };
  }));
  const title = { text: o.title, subtitle: o.subtitle };
  return charts.length === 1 ? { title, ...charts[0]! } : { title, vconcat: charts, spacing: 12 };
}

/** Levels [frames, bins] as a PNG data URL, the lowest frequency at the bottom. */
async function raster(levels: Float64Array, frames: number, bins: number): Promise<string> {
  const pixels = new Uint8Array(frames * bins * 3);
  for (let t = 0; t < frames; t++) {
    for (let k = 0; k < bins; k++) pixels.set(heat(1 + levels[t * bins + k]! / RANGE), ((bins - 1 - k) * frames + t) * 3);
  }
  const { default: sharp } = await import('sharp');
  // Few values are enlarged here, as squares: viewers would smooth them.
  const enlarge = (extent: number): number => extent * Math.max(1, Math.floor(WIDTH / extent));
  const png = await sharp(pixels, { raw: { width: frames, height: bins, channels: 3 } })
    .resize(enlarge(frames), enlarge(bins), { kernel: 'nearest', fit: 'fill' }).png({ compressionLevel: 9 }).toBuffer();
  return `data:image/png;base64,${png.toString('base64')}`;
}

const STOPS = HEAT.map((color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)));

/** The colour of a share from 0 to 1, RGB: straight lines between the stops, as the colour bar has them. */
function heat(share: number): number[] {
  const at = share * (STOPS.length - 1);
  const lower = Math.min(STOPS.length - 2, Math.floor(at));
  return STOPS[lower]!.map((from, c) => Math.round(from + (at - lower) * (STOPS[lower + 1]![c]! - from)));
}
