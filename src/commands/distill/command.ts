import type { Command } from '../../cli/command.js';
import { kebab, without, type OptionTable } from '../../cli/options.js';
import { UsageError } from '../../core/errors.js';
import { learningCommand } from '../pretrain/command.js';
import type { PretrainMethod } from '../pretrain/method.js';
import { studyOptions } from './study-options.js';

/** `byo distill METHOD`: what `byo pretrain` is, or with --study an experiment on the method instead of a model. */
export function distill<T extends OptionTable>(method: PretrainMethod<T>): Command {
  const command = learningCommand('distill', method);
  return {
    ...command,
    run: async (context, sources, values) => {
      if (values.study !== undefined) return (await import('./study.js')).runStudy(context, sources, values as never);
      const stray = Object.keys(studyOptions).find((key) => context.origins[key] === 'command line');
      if (stray !== undefined) throw new UsageError(`--${kebab(stray)} is for studies; give --study with it`);
      const recorded = without(context.recorded, Object.keys(studyOptions));
      return command.run({ ...context, recorded }, sources, values);
    },
  };
}
