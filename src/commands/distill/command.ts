import type { Command } from '../../cli/command.js';
import type { OptionTable } from '../../cli/options.js';
import { learningCommand } from '../pretrain/command.js';
import type { PretrainMethod } from '../pretrain/method.js';

export const distill = <T extends OptionTable>(method: PretrainMethod<T>): Command => learningCommand('distill', method);
