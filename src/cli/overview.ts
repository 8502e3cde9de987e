import { groups, type Entry } from './registry.js';

/** `byo --help`, and `byo pretrain --help` for a word that several commands begin with. */
export function overview(entries: readonly Entry[], prefix?: string): string {
  const shown = prefix ? entries.filter(({ name }) => name.startsWith(`${prefix} `)) : entries;
  const width = Math.max(...shown.map(({ name }) => name.length)) + 4;
  const list = (some: readonly Entry[]) => some.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`);
  if (prefix) {
    return [`Usage: byo ${prefix} <kind> [options] ...`, '', ...list(shown), '', `byo ${prefix} <kind> --help says more.`].join('\n');
  }
  return [
    'byo: bootstrap your own. Learning by bootstrapping, on tensor files, in pipelines.',
    '',
    'Examples',
    '  byo convert photos/ --size 96 -o photos.st',
    '  byo pretrain byol photos.st --epochs 50 -o encoder.st',
    '  byo embed --model encoder.st photos.st | byo probe linear',
    '  byo inspect encoder.st',
    '',
    ...groups.flatMap((group) => {
      const members = shown.filter((entry) => entry.group === group);
      return members.length ? [group, ...list(members), ''] : [];
    }),
    'byo <command> --help says more; byo doctor checks this machine.',
  ].join('\n');
}
