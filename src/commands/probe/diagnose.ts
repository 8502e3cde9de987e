import { jsonOption } from '../../cli/common.js';
import { defineCommand } from '../../cli/command.js';
import { integer, text } from '../../cli/options.js';
import { table as formatTable } from '../../cli/terminal.js';
import { InputError } from '../../core/errors.js';
import { stream } from '../../core/random.js';
import {
  alignment, alphaReQ, collapseStd, covarianceSpectrum, effectiveRank, linearCka, linearCkaUnbiased, neighbourOverlap,
  participationRatio, rankMe, stableRank, uniformity,
} from '../../core/stats/diagnose.js';
import { singularValues } from '../../core/stats/linalg.js';
import { takeRows, type Matrix } from '../../core/stats/matrix.js';
import { featureOptions, withAlgebra } from './common.js';
import { readTable, type Table } from './data.js';

const options = {
  against: text({ placeholder: 'file', local: true, help: 'features of the same rows by another model: CKA and common neighbours' }),
  positives: text({ placeholder: 'file', local: true, help: 'features of other views of the same rows: alignment' }),
  rows: integer({ default: 10_000, min: 2, help: 'rows to look at, drawn at random where there are more' }),
  k: integer({ default: 10, min: 1, help: 'neighbours of each row that should be common' }),
  alphaFirst: integer({ default: 1, min: 1, help: 'first eigenvalue of the fit of alpha-ReQ' }),
  alphaLast: integer({ min: 2, help: 'last eigenvalue of the fit of alpha-ReQ; all where left out' }),
  ...featureOptions, ...jsonOption,
} as const;

export const diagnose = defineCommand({
  name: 'probe diagnose',
  summary: 'rank, spectrum, uniformity and collapse of features, without labels',
  description: 'RankMe (Garrido et al. 2023), alpha-ReQ (Agrawal et al. 2022), uniformity and alignment (Wang and Isola 2020), the '
    + 'deviation of unit features that is near 0 where they have collapsed (Chen and He 2021), and linear CKA (Kornblith et al. 2019).',
  examples: [
    ['byo probe diagnose features.st', 'of one set of features'],
    ['byo probe diagnose online.st --against other.st', 'how alike two models are'],
    ['byo probe diagnose view1.st --positives view2.st', 'with alignment'],
  ],
  arguments: [{ name: 'features', optional: true, help: 'embeddings; standard input where left out' }],
  options,
  run: async (context, [source = '-'], o) => withAlgebra(o, async (algebra) => {
    const table = await readTable(source, o);
    const rows = table.x.rows <= o.rows
      ? undefined
      : Array.from(stream(o.seed, 'diagnose').permutation(table.x.rows).subarray(0, o.rows)).sort((a, b) => a - b);
    const take = (x: Matrix): Matrix => (rows ? takeRows(x, rows) : x);
    const other = async (path: string | undefined): Promise<Matrix | undefined> =>
      (path === undefined ? undefined : take(sameRows(table, await readTable(path, { ...o, model: undefined }))));
    const [x, against, positives] = [take(table.x), await other(o.against), await other(o.positives)];
    const singular = singularValues(x);
    const eigenvalues = covarianceSpectrum(x, algebra);
    const positive = eigenvalues.findLastIndex((value) => value > 1e-12 * eigenvalues[0]!) + 1;
    const last = Math.min(o.alphaLast ?? positive, positive);
    const values: [name: string, key: string, value: number, reference: string][] = [
      ['RankMe', 'rankMe', rankMe(singular), `at most ${Math.min(x.rows, x.cols)}`],
      ['effective rank of the covariance', 'effectiveRank', effectiveRank(eigenvalues), ''],
      ['participation ratio', 'participationRatio', participationRatio(eigenvalues), ''],
      ['stable rank', 'stableRank', stableRank(singular), ''],
      ['alpha-ReQ', 'alphaReQ', last > o.alphaFirst ? alphaReQ(eigenvalues, o.alphaFirst, last) : NaN, `eigenvalues ${o.alphaFirst} to ${last}`],
      ['uniformity', 'uniformity', uniformity(x, 2, algebra), 'lower is more even, about -4 at best'],
      ['deviation of unit features', 'collapseStd', collapseStd(x), `${(1 / Math.sqrt(x.cols)).toFixed(4)} evenly spread, 0 collapsed`],
    ];
    if (positives) values.push(['alignment', 'alignment', alignment(x, positives), '0 for equal views']);
    if (against) {
      values.push(
        ['linear CKA', 'cka', linearCka(x, against, algebra), 'biased upwards for few rows'],
        ['linear CKA, unbiased', 'ckaUnbiased', linearCkaUnbiased(x, against, algebra), 'about 0 for unrelated features'],
        [`common neighbours of ${o.k}`, 'neighbourOverlap', neighbourOverlap(x, against, o.k, algebra), '1 for equal neighbourhoods']);
    }
    if (o.json) {
      const entries = Object.fromEntries(values.map(([, key, value]) => [key, value]));
      context.terminal.print(JSON.stringify({
        probe: 'diagnose', ...entries, alphaRange: [o.alphaFirst, last], spectrum: [...eigenvalues], n: { rows: x.rows }, features: x.cols,
      }));
    } else {
      context.terminal.print(formatTable(['measure', 'value', `${x.rows} rows of ${x.cols} features`],
        values.map(([name, , value, reference]) => [name, value, reference])));
    }
  }),
});

function sameRows(table: Table, other: Table): Matrix {
  if (other.x.rows !== table.x.rows) {
    throw new InputError(`${other.source} has ${other.x.rows} rows, but ${table.source} has ${table.x.rows}; row i has to be the same example`);
  }
  for (const name of ['ids', 'labels']) {
    const [own, theirs] = [table.column(name), other.column(name)];
    const wrong = own && theirs ? own.data.findIndex((value, i) => value !== theirs.data[i]) : -1;
    if (wrong < 0) continue;
    throw new InputError(`${name} of row ${wrong} are ${own!.data[wrong]} in ${table.source}, but ${theirs!.data[wrong]} in ` +
      `${other.source}; row i has to be the same example`);
  }
  return other.x;
}
