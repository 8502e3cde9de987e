import { choice, flag, integer, number, numbers, text } from '../../cli/options.js';

/** Options of the experiments around distillation; they mean nothing without --study. */
export const studyOptions = {
  study: choice({ choices: ['training', 'locality', 'data', 'lottery', 'landscape', 'plane'], help: 'an experiment instead of one model: probes '
    + 'along training, against --alpha, against the number of images; pruning with rewinding; barriers between fine-tuned students; KL and '
    + 'probes around the teacher. Needs labels' }),
  model: text({ placeholder: 'file', local: true, help: 'lottery, landscape: a student that is there, instead of distilling one' }),
  repeats: integer({ default: 1, min: 1, help: 'a study is run for so many seeds, from --seed on' }),
  transfer: text({ placeholder: 'file', local: true, help: 'training, locality, data: another set with labels, on which encoders are probed too' }),
  probes: integer({ default: 5, min: 1, help: 'training: how often the student is probed on its way' }),
  counts: numbers({ placeholder: 'images', help: 'data: how many of the training images to distil on; a 64th to all of them where left out' }),
  alphas: numbers({ placeholder: 'alpha', default: [1e-4, 0.25, 0.5, 0.75, 1], help: 'locality: values of --alpha' }),
  tuneEpochs: number({ default: 10, positive: true, help: 'lottery, landscape: epochs of supervised training; the paper 160' }),
  tuneLr: number({ default: 0.1, positive: true, help: 'its learning rate for a batch of 256, a tenth after half and after three quarters of it' }),
  tuneBatch: integer({ default: 128, min: 2, help: 'its batch; the paper 256' }),
  rewinds: numbers({ placeholder: 'epochs', default: [0, 1], help: 'lottery: supervised epochs after which random weights are rewound to; a student '
    + 'to 0' }),
  rounds: integer({ default: 5, min: 1, help: 'lottery: rounds of pruning' }),
  pruneRate: number({ default: 0.2, min: 0.001, max: 0.99, help: 'lottery: share of the remaining weights that a round prunes' }),
  pruneAll: flag({ help: "lottery: prune biases and normalisations too, as the paper's code does" }),
  orders: integer({ default: 3, min: 2, help: 'landscape: fine-tuned students of each start, each with an order of its own' }),
  points: integer({ default: 9, min: 3, help: 'landscape, plane: points of the line between two networks' }),
  bn: choice({ choices: ['recalibrate', 'interpolate'], default: 'recalibrate', guess: true, help: 'landscape: running statistics between two '
    + 'students: measured again on the training images, or interpolated' }),
  view: choice({ choices: ['students', 'descent'], default: 'students', help: 'plane: through the teacher and the students of --alpha and of alpha 1, '
    + 'or through the teacher and the first and the last state of the student of alpha 1' }),
  grid: integer({ default: 21, min: 3, help: 'plane: points a side' }),
  margin: number({ default: 0.5, min: 0, help: 'plane: how far it goes beyond the networks, as a share of the distance between them' }),
  orthogonal: flag({ help: 'plane: with a right angle between its axes' }),
  planeProbe: choice({ choices: ['knn', 'linear', 'none'], default: 'knn', help: 'plane: how features are probed at each point, besides KL' }),
  planeImages: integer({ default: 512, min: 1, help: 'plane: training images that KL is measured on' }),
  plot: text({ placeholder: 'file', local: true, help: 'picture of the study, .svg or .png' }),
  json: flag({ local: true, help: "print the study's numbers as one JSON object a line instead of a table" }),
} as const;
