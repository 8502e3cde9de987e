import { describe, expect, it } from 'vitest';
import {
  classNumbers, isHidden, isImageName, layoutOf, noImages, writtenLabels,
} from '../../../src/core/data/layout.js';

describe('layoutOf', () => {
  it('takes classes from the directories, however deep an image lies in one', () => {
    expect(layoutOf(['dog/a.png', 'cat/b.png', 'cat/young/c.png'])).toEqual({
      classes: ['cat', 'dog'], labels: Int32Array.of(1, 0, 0),
    });
  });

  it('takes splits from directories that are all named like splits', () => {
    expect(layoutOf(['train/dog/a.png', 'Val/cat/b.png', 'test/dog/c.png', 'valid/dog/d.png'])).toEqual({
      classes: ['cat', 'dog'], labels: Int32Array.of(1, 0, 1, 1), split: Uint8Array.of(0, 1, 2, 1),
    });
    expect(layoutOf(['train/a.png', 'test/c.png'])).toEqual({ split: Uint8Array.of(0, 2) });
  });

  it('takes a name like a split for a class among other classes', () => {
    expect(layoutOf(['test/a.png', 'cat/b.png'])).toEqual({ classes: ['cat', 'test'], labels: Int32Array.of(1, 0) });
  });

  it('passes over directories that hold everything', () => {
    const classes = { classes: ['cat', 'dog'], labels: Int32Array.of(1, 0) };
    expect(layoutOf(['./pets/all/dog/a.png', './pets/all/cat/b.png'])).toEqual(classes);
    expect(layoutOf(['pets/train/dog/a.png', 'pets/train/cat/b.png'])).toEqual({ ...classes, split: new Uint8Array(2) });
    expect(layoutOf(['photos/a.png', 'photos/b.png'])).toEqual({});
  });

  it('gives no labels where an image lies beside the directories', () => {
    expect(layoutOf(['dog/a.png', 'b.png'])).toEqual({});
    expect(layoutOf([])).toEqual({});
  });
});

it('sorts classes in code unit order', () => {
  expect(classNumbers(['b', 'Z', 'ä', '10', '9']).classes).toEqual(['10', '9', 'Z', 'b', 'ä']);
});

describe('writtenLabels', () => {
  it('keeps whole numbers and numbers names', () => {
    expect(writtenLabels(['7', '0'], ['a', 'b'], 'x')).toEqual({ labels: Int32Array.of(7, 0) });
    expect(writtenLabels(['dog', '3'], ['a', 'b'], 'x')).toEqual({ labels: Int32Array.of(1, 0), classes: ['3', 'dog'] });
    expect(writtenLabels([undefined, undefined], ['a', 'b'], 'x')).toEqual({});
  });

  it('refuses labels for some images only, naming one without', () => {
    expect(() => writtenLabels(['1', undefined], ['a.png', 'b.png'], 'list.txt')).toThrow('list.txt: b.png has no label');
  });
});

it('knows image names and hidden paths', () => {
  expect(['a.JPG', 'x/a.b.Jpeg', 'a.webp', 'a.pgm'].every(isImageName)).toBe(true);
  expect(['a.txt', 'jpg', 'a.jpg/b', 'a.jpg.gz'].some(isImageName)).toBe(false);
  expect(['.a.jpg', 'x/.y/a.jpg', '__MACOSX/a.jpg'].every(isHidden)).toBe(true);
  expect(['./a.jpg', '../a.jpg', 'a.b/c.jpg'].some(isHidden)).toBe(false);
});

it('says what a source without images holds', () => {
  expect(noImages('x', ['a.csv', 'b.csv', 'README']).message)
    .toMatch(/^x holds 3 files, but none is an image \(2 \.csv, 1 no extension\)/);
  expect(noImages('x', ['a-0.tar']).message).toContain('{000..003}');
  expect(noImages('x', []).message).toBe('x is empty: images were expected');
});
