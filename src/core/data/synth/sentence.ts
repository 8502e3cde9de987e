import type { Stream } from '../../random.js';
import type { Colour, Ground, Place, Relation, Scene, Shape, Size, Thing } from './scene.js';

/** The ways of saying a thing; the first is the plainest. */
type Words<T extends string> = Readonly<Record<T, readonly string[]>>;

const NOUNS: Words<Shape> = {
  circle: ['circle', 'disc'], square: ['square', 'box'], triangle: ['triangle'], star: ['star'], cross: ['cross', 'plus'],
  ring: ['ring', 'hoop'],
};
const COLOURS: Words<Colour> = {
  red: ['red'], green: ['green'], blue: ['blue'], yellow: ['yellow'], purple: ['purple', 'violet'], orange: ['orange'],
};
const SIZES: Words<Size> = { small: ['small', 'little', 'tiny'], large: ['large', 'big'] };
const RELATIONS: Words<Relation> = {
  top: ['above', 'over'], bottom: ['below', 'under', 'beneath'], left: ['left of', 'to the left of'], right: ['right of', 'to the right of'],
};
const PLACES: Words<Place> = {
  'top left': ['in the top left corner', 'at the upper left'], top: ['at the top', 'in the upper half'],
  'top right': ['in the top right corner', 'at the upper right'], left: ['on the left', 'at the left edge'],
  middle: ['in the middle', 'in the centre'], right: ['on the right', 'at the right edge'],
  'bottom left': ['in the bottom left corner', 'at the lower left'], bottom: ['at the bottom', 'in the lower half'],
  'bottom right': ['in the bottom right corner', 'at the lower right'],
};
const GROUNDS: Words<Ground> = {
  black: ['on a black background', 'on black'], grey: ['on a grey background', 'on grey'], white: ['on a white background', 'on white'],
};
const LEADS = ['', '', 'there is', 'a picture of', 'we see'];

/**
 * A sentence about a scene, in lower case without a full stop. It says shape, colour and size of everything, and where it is,
 * and in half of the cases the background:
 *
 *     sentence = [lead] thing (place | relation thing) [ground]
 *     thing    = a size colour shape
 */
export function sentenceOf(scene: Scene, random: Stream): string {
  const say = <T extends string>(words: Words<T>, what: T): string => words[what][random.int(words[what].length)]!;
  const named = ({ size, colour, shape }: Thing): string => `a ${say(SIZES, size)} ${say(COLOURS, colour)} ${say(NOUNS, shape)}`;
  const lead = LEADS[random.int(LEADS.length)]!;
  const where = 'second' in scene ? () => `${say(RELATIONS, scene.relation)} ${named(scene.second)}` : () => say(PLACES, scene.place);
  const parts = [lead, named(scene.first), where(), random.next() < 0.5 ? say(GROUNDS, scene.ground) : ''];
  return parts.filter((part) => part !== '').join(' ');
}
