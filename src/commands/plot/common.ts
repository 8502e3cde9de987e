import { choice, flag, text } from '../../cli/options.js';
import { encodePicture, pictureFormat } from '../../core/plot/picture.js';
import { THEMES, themes, type ThemeName } from '../../core/plot/theme.js';
import { checkOutput, writeOutput } from '../../core/files/streams.js';

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

/** Checks the output before anything is computed; throws as pictureFormat and checkOutput do. */
export async function checkPicture({ output, force }: PlotOutput): Promise<void> {
  pictureFormat(output);
  await checkOutput(output, { force });
}

/** Writes an SVG picture in the format of the output's name. */
export async function writePicture(svg: string, { output, force, theme }: PlotOutput): Promise<void> {
  await writeOutput(output, [await encodePicture(svg, output, themes[theme].background)], { force });
}
