// Plain drawings for the panels that Grafana does not publish on npm: state timeline and heatmap. They show the same numbers in the
// same colours, and do not copy the looks. No network.
import { dateTimeFormat, FALLBACK_COLOR, FieldType, getFieldDisplayName, type DataFrame, type Field } from '@grafana/data';
import { useTheme2, VizLegend, VizLayout } from '@grafana/ui';
import type { LegendDisplayMode, LegendPlacement } from '@grafana/schema';
import type { ReactElement } from 'react';

export interface Drawing {
  frames: DataFrame[];
  /** Unix time in milliseconds. */
  from: number;
  to: number;
  timeZone: string;
  width: number;
  height: number;
  options: Record<string, unknown>;
}

const AXIS = 22;

interface Legend {
  showLegend?: boolean;
  displayMode?: LegendDisplayMode;
  placement?: LegendPlacement;
}

export function Timeline(drawing: Drawing): ReactElement {
  const rows = drawing.frames.flatMap((frame) =>
    frame.fields
      .filter((field) => field.type !== FieldType.time)
      .map((field) => ({ name: getFieldDisplayName(field, frame, drawing.frames), spans: spansOf(frame, field, drawing) })),
  );
  const states = new Map(rows.flatMap(({ spans }) => spans.map(({ text, color }) => [text, color] as const)));
  const legend = (drawing.options.legend ?? {}) as Legend;
  const items = [...states].map(([label, color]) => ({ label, color, yAxis: 1 }));
  return (
    <VizLayout
      width={drawing.width}
      height={drawing.height}
      legend={
        legend.showLegend === false ? null : (
          <VizLayout.Legend placement={legend.placement ?? ('bottom' as LegendPlacement)}>
            <VizLegend
              items={items}
              displayMode={legend.displayMode ?? ('list' as LegendDisplayMode)}
              placement={legend.placement ?? ('bottom' as LegendPlacement)}
            />
          </VizLayout.Legend>
        )
      }
    >
      {(width: number, height: number) => <Rows {...drawing} width={width} height={height} rows={rows} />}
    </VizLayout>
  );
}

interface Span {
  from: number;
  to: number;
  text: string;
  color: string;
}

/** Stretches of one state; a state that is not there is a gap, not the last one. */
function spansOf(frame: DataFrame, field: Field, { to }: Drawing): Span[] {
  const times = frame.fields.find(({ type }) => type === FieldType.time);
  const step = times?.config.interval ?? undefined;
  const spans: Span[] = [];
  field.values.forEach((value, index) => {
    if (value === null || value === undefined || Number.isNaN(value)) return;
    const at: number = times?.values[index];
    const next: number = times?.values[index + 1] ?? to;
    const end = step === undefined ? next : Math.min(next, at + step);
    const shown = field.display?.(value);
    const text = shown ? `${shown.prefix ?? ''}${shown.text}${shown.suffix ?? ''}` : String(value);
    const last = spans.at(-1);
    if (last && last.text === text && last.to >= at) last.to = end;
    else spans.push({ from: at, to: end, text, color: shown?.color ?? FALLBACK_COLOR });
  });
  return spans;
}

function Rows(drawing: Drawing & { rows: Array<{ name: string; spans: Span[] }> }): ReactElement {
  const { rows, width, height, from, to, options } = drawing;
  const theme = useTheme2();
  const longest = Math.max(0, ...rows.map(({ name }) => name.length));
  const left = Math.min(longest * 6.6 + 14, width / 3);
  const right = width - 8;
  const rowHeight = (height - AXIS) / Math.max(rows.length, 1);
  const bar = rowHeight * ((options.rowHeight as number | undefined) ?? 0.9);
  const x = (time: number) => left + ((Math.min(Math.max(time, from), to) - from) / (to - from)) * (right - left);
  return (
    <svg width={width} height={height} fontFamily={theme.typography.fontFamily} fontSize={12}>
      <TimeAxis {...drawing} left={left} right={right} />
      {rows.map(({ name, spans }, index) => {
        const top = index * rowHeight + (rowHeight - bar) / 2;
        return (
          <g key={name}>
            <text x={left - 8} y={index * rowHeight + rowHeight / 2 + 4} textAnchor="end" fill={theme.colors.text.primary}>
              {name}
            </text>
            {spans.map((span) => {
              const wide = x(span.to) - x(span.from);
              const fits = bar >= 14 && wide > span.text.length * 7 + 8 && options.showValue !== 'never';
              return (
                <g key={span.from}>
                  <rect x={x(span.from)} y={top} width={Math.max(wide, 1)} height={bar} fill={span.color} fillOpacity={0.8} />
                  {fits && (
                    <text x={x(span.from) + 5} y={top + bar / 2 + 4} fill={theme.colors.getContrastText(span.color)}>
                      {span.text}
                    </text>
                  )}
                </g>
              );
            })}
          </g>
        );
      })}
    </svg>
  );
}

export function Heatmap(drawing: Drawing): ReactElement {
  const { frames, width, height, from, to } = drawing;
  const theme = useTheme2();
  const frame = frames[0];
  const times = frame?.fields.find(({ type }) => type === FieldType.time);
  const fields = frame?.fields.filter(({ type }) => type === FieldType.number) ?? [];
  const most = Math.max(...fields.flatMap(({ values }) => values.map((value: number | null) => value ?? 0)), Number.MIN_VALUE);
  const names = fields.map((field) => boundText(field));
  const left = Math.max(...names.map((name) => name.length), 1) * 6.6 + 14;
  const right = width - 8;
  const rowHeight = (height - AXIS) / Math.max(fields.length, 1);
  const step: number = times?.config.interval ?? 0;
  const x = (time: number) => left + ((time - from) / (to - from)) * (right - left);
  return (
    <svg width={width} height={height} fontFamily={theme.typography.fontFamily} fontSize={12} shapeRendering="crispEdges">
      <TimeAxis {...drawing} left={left} right={right} />
      {fields.map((field, index) => {
        const top = height - AXIS - (index + 1) * rowHeight;
        const labelled = index % Math.ceil(16 / rowHeight) === 0;
        return (
          <g key={field.name}>
            {labelled && (
              <text x={left - 8} y={top + rowHeight / 2 + 4} textAnchor="end" fill={theme.colors.text.primary}>
                {names[index]}
              </text>
            )}
            {field.values.map((value: number | null, row: number) => {
              if (!value) return null;
              const start = Math.max(x(times?.values[row] - step), left);
              const end = Math.min(x(times?.values[row]), right);
              if (end <= start) return null;
              // The square root lets small counts be seen beside large ones.
              const strength = Math.sqrt(value / most);
              return <rect key={row} x={start} y={top + 1} width={end - start} height={rowHeight - 1} fill="#ff9830" fillOpacity={0.1 + 0.9 * strength} />;
            })}
          </g>
        );
      })}
    </svg>
  );
}

function boundText(field: Field): string {
  const bound = field.name === '+Inf' ? Infinity : Number(field.name);
  if (Number.isNaN(bound)) return field.name;
  if (bound === Infinity) return '∞';
  const shown = field.display?.(bound);
  return `≤ ${shown ? `${shown.text}${shown.suffix ?? ''}` : bound}`;
}

function TimeAxis({ from, to, timeZone, height, left, right }: Drawing & { left: number; right: number }): ReactElement {
  const theme = useTheme2();
  const minutes = [1, 2, 5, 10, 15, 30, 60, 120, 360, 720, 1440].map((minute) => minute * 60_000);
  const step = minutes.find((candidate) => (to - from) / candidate <= (right - left) / 70) ?? 86_400_000;
  const ticks = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) ticks.push(at);
  return (
    <g>
      {ticks.map((at) => {
        const x = left + ((at - from) / (to - from)) * (right - left);
        return (
          <g key={at}>
            <line x1={x} x2={x} y1={0} y2={height - AXIS + 4} stroke={theme.colors.border.weak} />
            <text x={x} y={height - 5} textAnchor="middle" fill={theme.colors.text.primary}>
              {dateTimeFormat(at, { format: 'HH:mm', timeZone })}
            </text>
          </g>
        );
      })}
    </g>
  );
}
