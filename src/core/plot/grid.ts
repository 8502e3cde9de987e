import sharp from 'sharp';
import type { NdArray } from '../array.js';
import { escapeXml } from './picture.js';
import { FONT, themes, type ThemeName } from './theme.js';

export interface GridRow {
  readonly name?: string;
  /** Indices of the row's images. */
  readonly images: readonly number[];
  /** What stands under each image of the row. */
  readonly captions?: readonly string[];
}

export interface GridOptions {
  readonly title: string;
  readonly subtitle: string;
  readonly theme: ThemeName;
}

/** Smallest side of a shown image in pixels; smaller ones are enlarged by a whole factor, each pixel a square. */
const MIN_TILE = 64;
const GAP = 4;
/** With captions: the smallest side, which leaves room for words; their lines, and the height of one. */
const MIN_CAPTIONED_TILE = 128;
const CAPTION_LINES = 5;
const LINE_HEIGHT = 12;
/** No fonts are measured here: a generous mean width of a letter of 10 pixels. */
const LETTER_WIDTH = 5.6;

/** Rows of images uint8 [N, 1 or 3, H, W] with their names at the left, as SVG. */
export async function imageGrid(
  images: NdArray<Uint8Array>, rows: readonly GridRow[], { title, subtitle, theme }: GridOptions,
): Promise<string> {
  const { background, text, muted } = themes[theme];
  const [, , height, width] = images.shape as [number, number, number, number];
  const smallest = rows.some(({ captions }) => captions) ? MIN_CAPTIONED_TILE : MIN_TILE;
  const scale = Math.max(1, Math.ceil(smallest / Math.min(height, width)));
  const [tileWidth, tileHeight] = [width * scale, height * scale];
  const longest = Math.max(0, ...rows.map(({ name }) => name?.length ?? 0));
  // 7.5 pixels is as generous a mean width of a letter of 13 pixels.
  const left = 20 + (longest > 0 ? longest * 7.5 + 14 : 0);
  const top = 72;
  const columns = Math.max(...rows.map((row) => row.images.length));
  const fullWidth = Math.max(left + columns * (tileWidth + GAP) + 16, 40 + 9.5 * title.length, 40 + 6.8 * subtitle.length);
  const lines = rows.map(({ captions = [] }) => captions.map((caption) => wrap(caption, tileWidth / LETTER_WIDTH)));
  const rowHeights = lines.map((own) => tileHeight + GAP + LINE_HEIGHT * Math.max(0, ...own.map(({ length }) => length)));
  const tops = rowHeights.map((_, r) => top + rowHeights.slice(0, r).reduce((sum, value) => sum + value, 0));
  const fullHeight = top + rowHeights.reduce((sum, value) => sum + value, 0) + 16;
  const parts = await Promise.all(rows.map(async ({ name, images: indices }, r) => {
    const y = tops[r]!;
    const tiles = await Promise.all(indices.map(async (index, c) => {
      const png = await tile(images, index, scale);
      return `<image x="${left + c * (tileWidth + GAP)}" y="${y}" width="${tileWidth}" height="${tileHeight}" `
        + `href="data:image/png;base64,${Buffer.from(png).toString('base64')}"/>`;
    }));
    const label = name === undefined ? [] : [`<text x="${left - 10}" y="${y + tileHeight / 2}" text-anchor="end" dominant-baseline="central" `
      + `font-size="13" fill="${text}">${escapeXml(name)}</text>`];
    const captions = lines[r]!.flatMap((own, c) => own.map((line, k) => `<text x="${left + c * (tileWidth + GAP)}" `
      + `y="${y + tileHeight + LINE_HEIGHT * (k + 1) - 2}" font-size="10" fill="${text}">${escapeXml(line)}</text>`));
    return [...label, ...tiles, ...captions].join('\n');
  }));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${fullWidth}" height="${fullHeight}" viewBox="0 0 ${fullWidth} ${fullHeight}" font-family="${FONT}">`,
    `<rect width="100%" height="100%" fill="${background}"/>`,
    `<text x="20" y="34" font-size="16" font-weight="bold" fill="${text}">${escapeXml(title)}</text>`,
    `<text x="20" y="54" font-size="12" fill="${muted}">${escapeXml(subtitle)}</text>`,
    ...parts, '</svg>', '',
  ].join('\n');
}

/** Words in lines of so many letters, at most CAPTION_LINES of them. */
function wrap(caption: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of caption.split(' ').filter((one) => one !== '')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.length <= CAPTION_LINES ? lines : [...lines.slice(0, CAPTION_LINES - 1), `${lines[CAPTION_LINES - 1]} …`];
}

async function tile(images: NdArray<Uint8Array>, index: number, scale: number): Promise<Uint8Array> {
  const [, channels, height, width] = images.shape as [number, number, number, number];
  const plane = height * width;
  const pixels = new Uint8Array(plane * channels);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < plane; i++) pixels[i * channels + c] = images.data[(index * channels + c) * plane + i]!;
  }
  return sharp(pixels, { raw: { width, height, channels: channels as 1 | 3 } })
    .resize(width * scale, height * scale, { kernel: 'nearest' }).png({ compressionLevel: 9 }).toBuffer();
}
