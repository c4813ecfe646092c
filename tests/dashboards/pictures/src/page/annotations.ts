// Annotations as dashed vertical lines over a graph, with a mark under it; the real ones come with Grafana itself.
import type { GrafanaTheme2 } from '@grafana/data';
import type { UPlotConfigBuilder } from '@grafana/ui';
import type uPlot from 'uplot';
import type { Collected } from '../collect.ts';

export interface Mark {
  /** Unix time in milliseconds; one instant when both are the same. */
  from: number;
  to: number;
  color: string;
  name: string;
}

/** Successive samples above zero are one mark. */
export function marksOf({ annotations }: Collected, theme: GrafanaTheme2): Mark[] {
  return annotations.flatMap(({ annotation, answer }) => {
    const color = theme.visualization.getColorByName(annotation.iconColor ?? 'blue');
    const step = (answer.step ?? 0) * 1000;
    return answer.series.flatMap(({ values }) => {
      const marks: Mark[] = [];
      for (const [at, text] of values) {
        if (!(Number(text) > 0)) continue;
        // A series may carry the time of the event as its value.
        const time = annotation.useValueForTime ? Math.floor(Number(text)) : at * 1000;
        const last = marks.at(-1);
        if (last && time - last.to <= step) last.to = time;
        else marks.push({ from: time, to: time, color, name: annotation.name });
      }
      return marks;
    });
  });
}

const drawn = new WeakSet<UPlotConfigBuilder>();

export function addMarks(builder: UPlotConfigBuilder, marks: Mark[]): void {
  if (drawn.has(builder)) return;
  drawn.add(builder);
  builder.addHook('draw', (plot: uPlot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    for (const { from, to, color } of marks) {
      const left = plot.valToPos(from, 'x', true);
      const right = plot.valToPos(to, 'x', true);
      if (right < bbox.left || left > bbox.left + bbox.width) continue;
      if (right - left > 2) {
        ctx.fillStyle = color;
        ctx.globalAlpha = 0.1;
        ctx.fillRect(left, bbox.top, right - left, bbox.height);
        ctx.globalAlpha = 1;
      }
      ctx.strokeStyle = ctx.fillStyle = color;
      ctx.lineWidth = devicePixelRatio;
      for (const edge of right - left > 2 ? [left, right] : [left]) {
        ctx.setLineDash([5 * devicePixelRatio, 5 * devicePixelRatio]);
        ctx.beginPath();
        ctx.moveTo(edge, bbox.top);
        ctx.lineTo(edge, bbox.top + bbox.height);
        ctx.stroke();
      }
      const size = 5 * devicePixelRatio;
      const bottom = bbox.top + bbox.height;
      ctx.beginPath();
      ctx.moveTo(left, bottom);
      ctx.lineTo(left - size, bottom + size);
      ctx.lineTo(left + size, bottom + size);
      ctx.fill();
    }
    ctx.restore();
  });
}
