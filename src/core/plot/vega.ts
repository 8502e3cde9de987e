import type { TopLevelSpec } from 'vega-lite';
import { ByoError } from '../errors.js';
import { FONT, themes, type ThemeName } from './theme.js';

/** A Vega-Lite chart in a theme, as SVG. Throws ByoError where vega is not installed, an optional part of byo. */
export async function chart(spec: TopLevelSpec, theme: ThemeName): Promise<string> {
  const [vega, lite] = await Promise.all([import('vega'), import('vega-lite')]).catch(() => {
    throw new ByoError('charts need the packages vega and vega-lite, which are not installed; npm install vega@6.4.0 vega-lite@6.4.3');
  });
  const { background, text, muted, grid, colors } = themes[theme];
  const compiled = lite.compile({
    ...spec, background, padding: 16,
    config: {
      font: FONT,
      title: { color: text, fontSize: 16, anchor: 'start', offset: 12, subtitleColor: muted, subtitleFontSize: 12, subtitlePadding: 4 },
      axis: {
        labelColor: muted, titleColor: muted, gridColor: grid, domainColor: muted, tickColor: muted,
        labelFontSize: 12, titleFontSize: 13, titleFontWeight: 'normal', titlePadding: 8,
      },
      legend: { labelColor: text, titleColor: muted, labelFontSize: 12, titleFontSize: 12, symbolOpacity: 1, labelLimit: 260 },
      header: { labelColor: text, labelFontSize: 12 },
      range: { category: [...colors] },
      view: { stroke: null },
    },
  }, { logger: vega.logger(vega.Error) });
  const view = new vega.View(vega.parse(compiled.spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
