import { table as formatTable } from '../../cli/terminal.js';
import type { Complex } from '../../core/docking/complexes.js';
import {
  confidenceAuroc, rmsdQuantiles, selections, shares, type ScoredPoses, type Selection,
} from '../../core/docking/evaluation.js';
import type { SuccessRow } from '../../core/plot/success.js';
import { bootstrap, pairedDifference, percentileInterval, wilsonInterval, type Interval } from '../../core/stats/intervals.js';
import { meanOf } from '../probe/report.js';

/** A complex to be evaluated; nothing but its name is known of one that is listed but not in the data. */
export interface Candidate {
  readonly name: string;
  readonly complex?: Complex;
}

/** Scores of the poses of each candidate; none where poses are missing. */
export interface Evaluation {
  readonly candidates: readonly Candidate[];
  readonly scored: readonly ScoredPoses[];
  readonly missing: number;
}

export interface ReportOptions {
  readonly thresholds: readonly number[];
  readonly top: readonly number[];
  readonly unit: 'complex' | 'cluster';
  readonly resamples: number;
  readonly level: number;
  readonly seed: number;
}

/** A share from 0 to 1 with its interval. */
interface Share {
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

/** How near the poses are that one way to choose gives. */
export interface Chosen {
  readonly name: string;
  readonly key: string;
  readonly below: readonly ({ readonly threshold: number } & Share)[];
  /** Å; Infinity where complexes without poses reach that far. */
  readonly rmsd: { readonly q25: number; readonly median: number; readonly q75: number };
  /** Middles nearer than the first threshold. */
  readonly centroidBelow: number;
  readonly receptorClash: number;
  readonly selfClash: number;
  /** Shares that pass all checks, and that do so below the first threshold; left out where receptors have no atoms. */
  readonly valid?: number;
  readonly validBelow?: number;
}

/** A way to choose after and before; the share is the difference. */
interface Difference extends Share {
  readonly name: string;
  readonly key: string;
  readonly threshold: number;
  readonly before: number;
  readonly after: number;
}

interface ClusterReport {
  readonly cluster: string;
  readonly complexes: number;
  /** Below the first threshold, by the key of the selection. */
  readonly below: Readonly<Record<string, Share>>;
  /** Å, of the headline's selection. */
  readonly median: number;
  /** The headline's selection of the baseline, and the difference. */
  readonly before?: Share;
  readonly difference?: Share;
}

export interface Report {
  readonly complexes: number;
  readonly missing: number;
  readonly thresholds: readonly number[];
  readonly level: number;
  readonly unit: 'complex' | 'cluster';
  readonly selections: readonly Chosen[];
  /** What comparisons are about: top-1 by confidence, or a random sample where there is no confidence. */
  readonly headline: Chosen;
  /** Area under the ROC curve of confidence, for successes at the first threshold. */
  readonly confidence?: { readonly auroc: number; readonly low: number; readonly high: number };
  /** Empty where there is only one. */
  readonly clusters: readonly ClusterReport[];
  /** The baseline by itself, and the differences to it of the ways to choose that both have. */
  readonly baseline?: readonly Chosen[];
  readonly differences?: readonly Difference[];
  readonly perComplex: readonly Readonly<Record<string, string | number>>[];
}

/** Scores as what is reported of them. `clusters`: names by number. */
export function report(clusters: readonly string[], after: Evaluation, before: Evaluation | undefined, o: ReportOptions): Report {
  const { candidates, scored, missing } = after;
  const nearest = o.thresholds[0]!;
  const own = selections(scored, o.top);
  const headline = own.find(({ key }) => key === 'top1') ?? own[0]!;
  const clusterOf = candidates.map(({ complex }) => complex?.cluster ?? -1);
  const statistics = shareStatistics(o, o.unit === 'cluster' ? clusterOf : undefined);
  const chosen = own.map((selection) => describe(scored, selection, o.thresholds, statistics));
  const earlier = before && selections(before.scored, o.top);
  const pairs = own.flatMap((selection) => {
    const same = earlier?.find(({ key }) => key === selection.key);
    return same ? [{ selection, same }] : [];
  });
  return {
    complexes: candidates.length, missing, thresholds: o.thresholds, level: o.level, unit: o.unit, selections: chosen,
    headline: chosen[own.indexOf(headline)]!, clusters: clusterReports(clusters, clusterOf),
    ...(headline.key === 'top1' && { confidence: confidenceOf(scored, nearest, statistics) }),
    ...(before && {
      baseline: earlier!.map((selection) => describe(before.scored, selection, o.thresholds, statistics)),
      differences: pairs.flatMap(({ selection, same }) => o.thresholds.map((threshold): Difference => {
        const [a, b] = [shares(before.scored, same, isBelow(threshold)), shares(scored, selection, isBelow(threshold))];
        const { name, key } = selection;
        return { name, key, threshold, before: mean(a), after: mean(b), ...statistics.difference(a, b) };
      })),
    }),
    perComplex: candidates.map(({ name, complex }, i) => ({
      name, ...(complex?.cluster !== undefined && { cluster: clusters[complex.cluster] ?? complex.cluster }),
      poses: scored[i]!.rmsd.length, random: shares([scored[i]!], own[0]!, isBelow(nearest))[0]!,
      ...Object.fromEntries(own.slice(1).map((selection) => [selection.key, rmsdQuantiles([scored[i]!], selection, [0.5])[0]!])),
    })),
  };

  function clusterReports(names: readonly string[], numberOf: readonly number[]): ClusterReport[] {
    // Complexes of no cluster come last.
    const numbers = [...new Set(numberOf)].sort((a, b) => (a < 0 ? 1 : b < 0 ? -1 : a - b));
    if (numbers.length < 2) return [];
    const same = pairs.find(({ selection }) => selection === headline)?.same;
    const within = shareStatistics(o, undefined);
    return numbers.map((number) => {
      const members = [...numberOf.keys()].filter((i) => numberOf[i] === number);
      const of = (all: readonly ScoredPoses[]): ScoredPoses[] => members.map((i) => all[i]!);
      const below = (all: readonly ScoredPoses[], selection: Selection): Float64Array =>
        shares(of(all), selection, isBelow(nearest));
      const first = before && same && below(before.scored, same);
      return {
        cluster: number < 0 ? '(none)' : names[number] ?? String(number), complexes: members.length,
        below: Object.fromEntries(own.map((selection) => [selection.key, within.share(below(scored, selection))])),
        median: rmsdQuantiles(of(scored), headline, [0.5])[0]!,
        ...(first && { before: within.share(first), difference: within.difference(first, below(scored, headline)) }),
      };
    });
  }
}

const isBelow = (threshold: number) => ({ rmsd }: ScoredPoses, pose: number): boolean => rmsd[pose]! < threshold;
const mean = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Shares and differences with their intervals, over complexes or, with `groups`, over whole clusters. */
function shareStatistics({ seed, resamples, level }: ReportOptions, groups: readonly number[] | undefined) {
  const resampling = { seed, resamples, ...(groups && { groups }) };
  const asShare = ({ estimate, low, high }: Interval): Share => ({ share: estimate, low, high });
  const resampled = (rows: number, statistic: (rows: ArrayLike<number>) => number): Interval => percentileInterval(
    statistic(Int32Array.from({ length: rows }, (_, i) => i)),
    bootstrap(rows, statistic, resampling).filter((value) => !Number.isNaN(value)), level);
  return {
    resampled,
    share: (values: Float64Array): Share => {
      // Independent complexes that count 0 or 1 need no resampling, which finds no width where all are alike.
      const isCount = !groups && values.every((value) => value === 0 || value === 1);
      return asShare(isCount ? wilsonInterval(values.reduce((a, b) => a + b, 0), values.length, level)
        : resampled(values.length, meanOf(values)));
    },
    difference: (a: Float64Array, b: Float64Array): Share => asShare(pairedDifference(a, b, { ...resampling, level })),
  };
}
type ShareStatistics = ReturnType<typeof shareStatistics>;

function describe(
  scored: readonly ScoredPoses[], selection: Selection, thresholds: readonly number[], { share }: ShareStatistics,
): Chosen {
  const of = (test: (one: ScoredPoses, pose: number) => boolean): number => mean(shares(scored, selection, test));
  const near = isBelow(thresholds[0]!);
  const [q25, median, q75] = rmsdQuantiles(scored, selection, [0.25, 0.5, 0.75]) as [number, number, number];
  return {
    name: selection.name, key: selection.key,
    below: thresholds.map((threshold) => ({ threshold, ...share(shares(scored, selection, isBelow(threshold))) })),
    rmsd: { q25, median, q75 },
    centroidBelow: of(({ centroid }, pose) => centroid[pose]! < thresholds[0]!),
    receptorClash: of(({ receptorClash }, pose) => receptorClash[pose]!),
    selfClash: of(({ selfClash }, pose) => selfClash[pose]!),
    ...(scored.some(({ valid }) => valid) && {
      valid: of(({ valid }, pose) => valid?.[pose] === true),
      validBelow: of((one, pose) => one.valid?.[pose] === true && near(one, pose)),
    }),
  };
}

function confidenceOf(scored: readonly ScoredPoses[], threshold: number, { resampled }: ShareStatistics): Report['confidence'] {
  const auroc = confidenceAuroc(scored, threshold);
  const whole = auroc([...scored.keys()]);
  if (Number.isNaN(whole)) return { auroc: NaN, low: NaN, high: NaN };
  const { estimate, low, high } = resampled(scored.length, auroc);
  return { auroc: estimate, low, high };
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const range = ({ low, high }: Pick<Share, 'low' | 'high'>): string => `${(100 * low).toFixed(1)} .. ${(100 * high).toFixed(1)}`;
const angstroms = (value: number): string => (value === Infinity ? 'none' : value.toFixed(2));
/** `top5` is `top 5`. */
const short = (key: string): string => (key === 'top1' ? 'top-1' : key.replace(/^top/, 'top '));

/** What people read: all complexes, the clusters, the comparison with the baseline. */
export function tablesOf(result: Report): string[] {
  const { complexes, missing, thresholds, selections: rows, headline, confidence, clusters, differences } = result;
  const near = `< ${thresholds[0]} Å`;
  const interval = `${Math.round(1000 * result.level) / 10}% interval`;
  const hasChecks = rows.some(({ valid }) => valid !== undefined);
  const main = formatTable([
    'poses', ...thresholds.flatMap((threshold) => [`< ${threshold} Å`, interval]), 'RMSD 25 %', 'median', '75 %', `middle ${near}`,
    'clash', 'self-clash', ...(hasChecks ? ['valid', `valid, ${near}`] : []),
  ], rows.map(({ name, below, rmsd, centroidBelow, receptorClash, selfClash, valid = 0, validBelow = 0 }) => [
    name, ...below.flatMap((one) => [percent(one.share), range(one)]),
    angstroms(rmsd.q25), angstroms(rmsd.median), angstroms(rmsd.q75), percent(centroidBelow),
    percent(receptorClash), percent(selfClash), ...(hasChecks ? [percent(valid), percent(validBelow)] : []),
  ]));
  const about = [`${complexes} complexes${missing > 0 ? `, ${missing} without poses` : ''}`];
  if (confidence && Number.isNaN(confidence.auroc)) about.push(`no AUC of confidence: poses are all ${near} or all beyond`);
  else if (confidence) {
    const [area, low, high] = [confidence.auroc, confidence.low, confidence.high].map((value) => value.toFixed(3));
    about.push(`AUC of confidence ${area} (${interval} ${low} .. ${high})`);
  }
  const tables = [main, about.join('; ')];
  if (clusters.length > 0) {
    const compared = clusters.some(({ before }) => before);
    tables.push('', formatTable([
      'cluster', 'complexes', ...rows.map(({ key }) => `${short(key)} ${near}`), 'median',
      ...(compared ? ['before', 'difference', interval] : []),
    ], clusters.map(({ cluster, complexes: count, below, median, before, difference }) => [
      cluster, count, ...rows.map(({ key }) => percent(below[key]!.share)), angstroms(median),
      ...(compared ? [percent(before!.share), percent(difference!.share), range(difference!)] : []),
    ])), `median${compared ? ', before and difference are' : ' is'} of ${headline.name}`);
  }
  if (differences) {
    tables.push('', formatTable(
      ['compared with the baseline', 'before', 'after', 'difference', interval],
      differences.map((one) =>
        [`${one.name} < ${one.threshold} Å`, percent(one.before), percent(one.after), percent(one.share), range(one)])));
  }
  return tables;
}

/** Success on all complexes and on clusters: before and after, or by ways to choose where there is no baseline. */
export function pictureRows({ selections: all, headline, clusters, baseline, complexes }: Report): SuccessRow[] {
  const asInterval = ({ share, low, high }: Share): Interval => ({ estimate: share, low, high });
  const before = baseline?.find(({ key }) => key === headline.key);
  const row = (name: string, count: number, share: (key: string) => Share, earlier?: Share): SuccessRow => ({
    group: `${name} (${count})`,
    values: new Map((earlier ? [['before', earlier], ['after', share(headline.key)]] as const
      : all.map(({ name: way, key }) => [way, share(key)] as const)).map(([label, value]) => [label, asInterval(value)])),
  });
  return [
    row('all', complexes, (key) => all.find((chosen) => chosen.key === key)!.below[0]!, before?.below[0]),
    ...clusters.map((one) => row(one.cluster, one.complexes, (key) => one.below[key]!, one.before)),
  ];
}
