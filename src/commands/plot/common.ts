import { choice, flag, text } from '../../cli/options.js';
import { encodePicture, pictureFormat } from '../../core/plot/picture.js';
import { THEMES, themes, type ThemeName } from '../../core/plot/theme.js';
import { checkOutput, writeOutput } from '../../core/files/streams.js';
import { stream } from '../../core/random.js';

/** Options of every plot. */
export const plotOptions = {
  output: text({ short: 'o', placeholder: 'file', default: '-', local: true, help: 'picture, .svg or .png; - is SVG on standard output' }),
  force: flag({ short: 'f', local: true, help: 'overwrite an existing picture' }),
  theme: choice({ choices: THEMES, default: 'light', help: 'colours for a light or a dark page' }),
  title: text({ placeholder: 'text', help: 'title; made from the data where left out' }),
} as const;

interface PlotOutput {
  readonly output: string;
  readonly force: boolean;
  readonly theme: ThemeName;
}

/** Numbers of at most `max` of `count` rows, in their order, drawn at random; `set` tells several sets of one picture apart. */
export const drawnRows = (count: number, max: number, seed: number, set = 0): Int32Array =>
  (count > max ? stream(seed, 'plot points', set).permutation(count).slice(0, max).sort() : Int32Array.from({ length: count }, (_, i) => i));

/** Checks the output before anything is computed; throws as pictureFormat and checkOutput do. */
export async function checkPicture({ output, force }: PlotOutput): Promise<void> {
  pictureFormat(output);
  await checkOutput(output, { force });
}

/** Writes an SVG picture in the format of the output's name. */
export async function writePicture(svg: string, { output, force, theme }: PlotOutput): Promise<void> {
  await writeOutput(output, [await encodePicture(svg, output, themes[theme].background)], { force });
}
