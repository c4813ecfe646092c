// Prometheus' answers as Grafana's data frames, and the transformations that the panel asks for. No network.
import {
  createDataFrame,
  FieldType,
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
  type DataFrame,
  type Field,
} from '@grafana/data';
import { lastValueFrom } from 'rxjs';
import type { Answered } from '../collect.ts';
import type { Panel } from '../dashboard.ts';
import type { Series } from '../prometheus.ts';
import type { Variables } from '../variables.ts';

type Plain = Omit<Field, 'state'>;

// Some are there twice, under an old name of theirs and the new one.
const transformers = new Map(Object.values(standardTransformers).map((transformer) => [transformer.id, transformer]));
standardTransformersRegistry.setInit(() =>
  [...transformers.values()].map((transformer) => ({
    id: transformer.id,
    name: transformer.name,
    transformation: () => Promise.resolve(transformer),
    editor: () => null,
    imageDark: '',
    imageLight: '',
  })),
);

/** The frames that the panel's component gets, before the field configuration. */
export async function framesOf(panel: Panel, answered: Answered[], variables: Variables): Promise<DataFrame[]> {
  const tables = new Set(answered.filter(({ target }) => target.format === 'table').map(({ target }) => target.refId));
  const frames = answered.flatMap((one) => {
    switch (one.target.format) {
      case 'table':
        return [table(one, tables.size > 1 ? `Value #${one.target.refId}` : 'Value')];
      case 'heatmap':
        return [buckets(one)];
      default:
        return one.answer.series.map((series) => line(one, series, variables));
    }
  });
  const transformations = panel.transformations ?? [];
  for (const { id } of transformations) {
    if (!standardTransformersRegistry.getIfExists(id)) {
      throw new Error(`the transformation ${id} is not among those that Grafana publishes`);
    }
  }
  return lastValueFrom(
    transformDataFrame(transformations, frames, { interpolate: (text) => variables.inText(text) }),
  );
}

/** How many numbers there are to be seen. */
export function countValues(frames: DataFrame[]): number {
  let count = 0;
  for (const frame of frames) {
    for (const field of frame.fields) {
      if (field.type === FieldType.time) continue;
      for (const value of field.values) if (value !== null && value !== undefined && !Number.isNaN(value)) count += 1;
    }
  }
  return count;
}

function line({ target, expr, answer }: Answered, series: Series, variables: Variables): DataFrame {
  const labels = withoutName(series.metric);
  const legend = legendOf(target.legendFormat, series.metric, expr, variables);
  const time: Plain = {
    name: 'Time',
    type: FieldType.time,
    config: answer.step === undefined ? {} : { interval: answer.step * 1000 },
    values: series.values.map(([at]) => at * 1000),
  };
  const value: Plain = {
    name: 'Value',
    type: FieldType.number,
    config: legend === undefined ? {} : { displayNameFromDS: legend },
    labels,
    values: series.values.map(([, text]) => numberOf(text)),
  };
  return createDataFrame({ refId: target.refId, ...(legend === undefined ? {} : { name: legend }), fields: [time, value] });
}

function legendOf(
  format: string | undefined,
  metric: Record<string, string>,
  expr: string,
  variables: Variables,
): string | undefined {
  if (!format || format === '__auto') {
    return Object.keys(withoutName(metric)).length > 0 ? undefined : expr;
  }
  return variables.inText(format).replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label: string) => metric[label] ?? '');
}

function table({ target, answer }: Answered, valueName: string): DataFrame {
  const labels = [...new Set(answer.series.flatMap(({ metric }) => Object.keys(metric)))];
  const rows = answer.series.flatMap((series) => series.values.map(([at, text]) => ({ series, at, text })));
  const fields: Plain[] = [
    { name: 'Time', type: FieldType.time, config: {}, values: rows.map(({ at }) => at * 1000) },
    ...labels.map((label) => ({
      name: label,
      type: FieldType.string,
      config: {},
      values: rows.map(({ series }) => series.metric[label] ?? ''),
    })),
    { name: valueName, type: FieldType.number, config: {}, values: rows.map(({ text }) => numberOf(text)) },
  ];
  return createDataFrame({ refId: target.refId, fields });
}

/** One field per bucket with what is in it alone, from Prometheus' cumulative ones. */
function buckets({ target, answer }: Answered): DataFrame {
  const bounds = [...answer.series].sort((a, b) => numberOf(a.metric.le ?? '') - numberOf(b.metric.le ?? ''));
  const times = [...new Set(bounds.flatMap(({ values }) => values.map(([at]) => at)))].sort((a, b) => a - b);
  const below = new Map(times.map((at) => [at, 0]));
  const fields = bounds.map(({ metric, values }): Plain => {
    const byTime = new Map(values.map(([at, text]) => [at, numberOf(text)]));
    return {
      name: metric.le ?? '',
      type: FieldType.number,
      config: {},
      values: times.map((at) => {
        const upTo = byTime.get(at);
        if (upTo === undefined) return null;
        const alone = Math.max(upTo - (below.get(at) ?? 0), 0);
        below.set(at, upTo);
        return alone;
      }),
    };
  });
  const time: Plain = {
    name: 'Time',
    type: FieldType.time,
    config: { interval: (answer.step ?? 0) * 1000 },
    values: times.map((at) => at * 1000),
  };
  return createDataFrame({ refId: target.refId, fields: [time, ...fields] });
}

function withoutName({ __name__: _, ...labels }: Record<string, string>): Record<string, string> {
  return labels;
}

/** Prometheus writes infinity as `+Inf`, which `Number` does not read. */
function numberOf(text: string): number {
  if (text === '+Inf') return Infinity;
  if (text === '-Inf') return -Infinity;
  return Number(text);
}
