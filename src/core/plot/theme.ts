export const THEMES = ['light', 'dark'] as const;
export type ThemeName = (typeof THEMES)[number];

export interface Theme {
  readonly background: string;
  readonly text: string;
  /** Axis titles, tick labels. */
  readonly muted: string;
  readonly grid: string;
  /** Colours that people with any kind of colour vision tell apart (Okabe & Ito 2008), shaded for the background. */
  readonly colors: readonly string[];
  /** Shares from 0 to 1 in one hue, from the background's lightness to the text's. */
  readonly shades: readonly string[];
}

export const FONT = 'Helvetica, Arial, DejaVu Sans, sans-serif';

export const themes: Readonly<Record<ThemeName, Theme>> = {
  light: {
    background: '#ffffff', text: '#1b1b1b', muted: '#4d4d4d', grid: '#e4e4e4',
    colors: ['#0072b2', '#e69f00', '#009e73', '#d55e00', '#cc79a7', '#56b4e9', '#555555'],
    shades: ['#f2f5f8', '#a9cbe2', '#3d8fc4', '#00508a', '#08284a'],
  },
  dark: {
    background: '#16181d', text: '#f0f0f0', muted: '#b8bcc4', grid: '#343842',
    colors: ['#56b4e9', '#e69f00', '#1fc09a', '#ff7f50', '#e39ac4', '#f0e442', '#c8c8c8'],
    shades: ['#1f242c', '#1d4a6b', '#2f80b5', '#7cc0ea', '#d9effb'],
  },
};

/** Marks that go with the colours where there are more classes than colours. */
export const SHAPES = ['circle', 'square', 'triangle-up', 'diamond', 'cross', 'triangle-down', 'triangle-right', 'triangle-left'];

/** Viridis (van der Walt & Smith 2015): even steps of lightness, told apart with any kind of colour vision. */
export const HEAT = ['#440154', '#482878', '#3e4989', '#31688e', '#26828e', '#1f9e89', '#35b779', '#6ece58', '#b5de2b', '#fde725'];
