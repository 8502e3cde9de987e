import { UsageError } from '../errors.js';
import { extensionOf } from '../data/layout.js';

/** Pixels per inch of PNG files: 1.5 times the SVG's own size, sharp on dense screens and in print. */
const DENSITY = 108;

/** The format that a file's name asks for: SVG for a stream; throws UsageError for other extensions. */
export function pictureFormat(output: string): 'svg' | 'png' {
  if (output === '-' || output.startsWith('/dev/')) return 'svg';
  const extension = extensionOf(output);
  if (extension === 'svg' || extension === 'png') return extension;
  throw new UsageError(`pictures are written as .svg or .png, but the output is ${output}`);
}

/** A picture's bytes in the format that the output's name asks for; `background` fills up pixels at the edges. */
export async function encodePicture(svg: string, output: string, background: string): Promise<Uint8Array> {
  if (pictureFormat(output) === 'svg') return Buffer.from(svg);
  const { default: sharp } = await import('sharp');
  return sharp(Buffer.from(svg), { density: DENSITY }).flatten({ background }).png({ compressionLevel: 9 }).toBuffer();
}

/** Text in SVG. */
export const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
