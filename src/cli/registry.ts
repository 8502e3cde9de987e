import type { Command } from './command.js';

export const groups = ['Learn', 'Measure', 'Tools'] as const;

/** A command as the overview shows it; its module is loaded only when it runs. */
export interface Entry {
  readonly name: string;
  readonly summary: string;
  readonly group: (typeof groups)[number];
  load(): Promise<Command>;
}

/** Every command of byo. Adding one is adding its file and a line here. */
export const registry: readonly Entry[] = [
  { name: 'pretrain byol', group: 'Learn', summary: 'learn an image encoder without labels (BYOL)',
    load: async () => (await import('../commands/pretrain/command.js')).pretrain((await import('../commands/pretrain/byol.js')).byol) },
  { name: 'embed', group: 'Measure', summary: 'features of a model for a data set',
    load: async () => (await import('../commands/embed.js')).embed },
  { name: 'probe linear', group: 'Measure', summary: 'linear classification of features',
    load: async () => (await import('../commands/probe/linear.js')).linear },
  { name: 'probe logistic', group: 'Measure', summary: 'linear classification of features, by L-BFGS',
    load: async () => (await import('../commands/probe/linear.js')).logistic },
  { name: 'probe knn', group: 'Measure', summary: 'nearest-neighbour classification of features',
    load: async () => (await import('../commands/probe/knn.js')).knn },
  { name: 'probe ridge', group: 'Measure', summary: 'classification of features by ridge regression',
    load: async () => (await import('../commands/probe/ridge.js')).ridge },
  { name: 'probe mlp', group: 'Measure', summary: 'classification of features with a hidden layer',
    load: async () => (await import('../commands/probe/mlp.js')).mlp },
  { name: 'probe multilabel', group: 'Measure', summary: 'several labels per example from features (mAP)',
    load: async () => (await import('../commands/probe/multilabel.js')).multilabel },
  { name: 'probe regression', group: 'Measure', summary: 'numbers from features (R2)',
    load: async () => (await import('../commands/probe/ridge.js')).regression },
  { name: 'probe fewshot', group: 'Measure', summary: 'classification from a few labelled examples',
    load: async () => (await import('../commands/probe/fewshot.js')).fewshot },
  { name: 'probe retrieval', group: 'Measure', summary: 'finding others of the same class by features',
    load: async () => (await import('../commands/probe/retrieval.js')).retrieval },
  { name: 'probe cluster', group: 'Measure', summary: 'clusters of features against classes (NMI, ARI)',
    load: async () => (await import('../commands/probe/cluster.js')).cluster },
  { name: 'probe diagnose', group: 'Measure', summary: 'rank, spectrum and collapse of features, without labels',
    load: async () => (await import('../commands/probe/diagnose.js')).diagnose },
  { name: 'interval cheap', group: 'Measure', summary: 'confidence interval of any statistic from a few refits',
    load: async () => (await import('../commands/interval/cheap.js')).cheap },
  { name: 'interval percentile', group: 'Measure', summary: 'the same by quantiles of many refits',
    load: async () => (await import('../commands/interval/cheap.js')).percentile },
  { name: 'interval basic', group: 'Measure', summary: 'the same by mirrored quantiles',
    load: async () => (await import('../commands/interval/cheap.js')).basic },
  { name: 'interval multi', group: 'Measure', summary: 'does a change help beyond the noise of seeds and examples',
    load: async () => (await import('../commands/interval/multi.js')).multi },
  { name: 'interval coverage', group: 'Measure', summary: 'how often bootstrap intervals cover the truth',
    load: async () => (await import('../commands/interval/coverage.js')).coverage },
  { name: 'convert', group: 'Tools', summary: 'images in any format to a data set',
    load: async () => (await import('../commands/convert.js')).convert },
  { name: 'synth images', group: 'Tools', summary: 'draw a labelled set of shapes and textures',
    load: async () => (await import('../commands/synth/images.js')).images },
  { name: 'inspect', group: 'Tools', summary: 'what a tensor file is and how it was made',
    load: async () => (await import('../commands/inspect.js')).inspect },
  { name: 'doctor', group: 'Tools', summary: 'check this machine: versions, devices, a self-test',
    load: async () => (await import('../commands/doctor.js')).doctor },
  { name: 'plot loss', group: 'Measure', summary: 'curves of one or many runs from their logs',
    load: async () => (await import('../commands/plot/loss.js')).loss },
  { name: 'plot embedding', group: 'Measure', summary: 'features as points in the plane, coloured by class',
    load: async () => (await import('../commands/plot/embedding.js')).embedding },
  { name: 'plot images', group: 'Measure', summary: 'images of a data set in a grid',
    load: async () => (await import('../commands/plot/images.js')).images },
  { name: 'plot views', group: 'Measure', summary: 'augmented views of a few images, as a method sees them',
    load: async () => (await import('../commands/plot/views.js')).views },
  { name: 'replay', group: 'Tools', summary: 'make a file again from its recipe, or check that it comes out the same',
    load: async () => (await import('../commands/replay/command.js')).replay },
  { name: 'export', group: 'Tools', summary: 'an encoder for other programs: ONNX, torchvision weights, NumPy',
    load: async () => (await import('../commands/export/command.js')).exportCommand },
  { name: 'methods', group: 'Tools', summary: 'the methods: what each needs, its paper and its defaults',
    load: async () => (await import('../commands/methods.js')).methods },
  { name: 'config show', group: 'Tools', summary: 'the values a command would run with, and where each comes from',
    load: async () => (await import('../commands/config/show.js')).show },
  { name: 'completion', group: 'Tools', summary: 'a completion script for bash, zsh or fish',
    load: async () => (await import('../commands/completion.js')).completion },
  { name: 'man', group: 'Tools', summary: 'the manual page of a command, for man',
    load: async () => (await import('../commands/man.js')).man },
];
