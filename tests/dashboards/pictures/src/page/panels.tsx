// One panel's inside: the component that Grafana publishes for its type, or a stand-in. No network.
import {
  FieldType,
  getDisplayProcessor,
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
  reduceField,
  renderMarkdown,
  ReducerID,
  VizOrientation,
  type DataFrame,
  type FieldDisplay,
  type TimeRange,
} from '@grafana/data';
import {
  BarGauge,
  BigValue,
  BigValueColorMode,
  BigValueGraphMode,
  BigValueJustifyMode,
  BigValueTextMode,
  TimeSeries,
  useTheme2,
  VizRepeater,
} from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { BarGaugeDisplayMode, LegendDisplayMode, type BarGaugeNamePlacement, type BarGaugeValueMode, type VizLegendOptions } from '@grafana/schema';
import type { ReactElement } from 'react';
import type { Panel } from '../dashboard.ts';
import type { Variables } from '../variables.ts';
import { addMarks, type Mark } from './annotations.ts';
import { configOf } from './fields.ts';
import { Heatmap, Timeline } from './stand-ins.tsx';

export interface Inside {
  panel: Panel;
  frames: DataFrame[];
  variables: Variables;
  marks: Mark[];
  timeRange: TimeRange;
  timeZone: string;
  width: number;
  height: number;
}

export const TYPES: Record<string, (inside: Inside) => ReactElement> = {
  timeseries: Graph,
  stat: Stat,
  bargauge: Bars,
  table: Rows,
  text: Text,
  'state-timeline': (inside) => <Timeline {...standIn(inside)} />,
  heatmap: (inside) => <Heatmap {...standIn(inside)} />,
};

function standIn({ panel, frames, timeRange, timeZone, width, height }: Inside) {
  const { from, to } = timeRange;
  return { frames, from: from.valueOf(), to: to.valueOf(), timeZone, width, height, options: panel.options ?? {} };
}

function Graph({ panel, frames, marks, timeRange, timeZone, width, height }: Inside): ReactElement {
  const legend: VizLegendOptions = {
    showLegend: true,
    displayMode: LegendDisplayMode.List,
    placement: 'bottom',
    calcs: [],
    ...(panel.options?.legend as Partial<VizLegendOptions> | undefined),
  };
  return (
    <TimeSeries
      frames={frames}
      structureRev={1}
      timeRange={timeRange}
      timeZone={timeZone}
      width={width}
      height={height}
      legend={legend}
      options={panel.options}
    >
      {(builder) => {
        addMarks(builder, marks);
        return null;
      }}
    </TimeSeries>
  );
}

type Singles = Inside & { sparkline: boolean };

function singles({ panel, frames, variables, timeZone, sparkline }: Singles, theme: ReturnType<typeof useTheme2>): FieldDisplay[] {
  return getFieldDisplayValues({
    fieldConfig: configOf(panel),
    reduceOptions: { values: false, calcs: [ReducerID.lastNotNull], ...(panel.options?.reduceOptions as object | undefined) },
    replaceVariables: (text) => variables.inText(text),
    theme,
    data: frames,
    sparkline,
    timeZone,
  });
}

const orientationOf = ({ panel }: Inside): VizOrientation =>
  (panel.options?.orientation as VizOrientation | undefined) ?? VizOrientation.Auto;

function Stat(inside: Inside): ReactElement {
  const theme = useTheme2();
  const { panel, width, height } = inside;
  const options = panel.options ?? {};
  const graphMode = (options.graphMode as BigValueGraphMode | undefined) ?? BigValueGraphMode.Area;
  return (
    <VizRepeater
      getValues={() => singles({ ...inside, sparkline: graphMode !== BigValueGraphMode.None }, theme)}
      getAlignmentFactors={(values) => getDisplayValueAlignmentFactors(values)}
      renderValue={({ value, width, height, alignmentFactors, count }) => (
        <BigValue
          value={value.display}
          count={count}
          sparkline={value.sparkline}
          colorMode={(options.colorMode as BigValueColorMode | undefined) ?? BigValueColorMode.Value}
          graphMode={graphMode}
          justifyMode={(options.justifyMode as BigValueJustifyMode | undefined) ?? BigValueJustifyMode.Auto}
          textMode={(options.textMode as BigValueTextMode | undefined) ?? BigValueTextMode.Auto}
          text={options.text as object | undefined}
          alignmentFactors={alignmentFactors}
          width={width}
          height={height}
          theme={theme}
        />
      )}
      source={inside.frames}
      renderCounter={1}
      width={width}
      height={height}
      autoGrid
      orientation={orientationOf(inside)}
    />
  );
}

function Bars(inside: Inside): ReactElement {
  const theme = useTheme2();
  const { panel, width, height } = inside;
  const options = panel.options ?? {};
  return (
    <VizRepeater
      getValues={() => singles({ ...inside, sparkline: false }, theme)}
      getAlignmentFactors={(values) => getDisplayValueAlignmentFactors(values)}
      renderValue={({ value, width, height, orientation, alignmentFactors }) => (
        <BarGauge
          value={value.display}
          field={value.field}
          display={value.view?.getFieldDisplayProcessor(value.colIndex ?? 0) ?? getDisplayProcessor({ field: { config: value.field }, theme })}
          displayMode={(options.displayMode as BarGaugeDisplayMode | undefined) ?? BarGaugeDisplayMode.Gradient}
          valueDisplayMode={options.valueMode as BarGaugeValueMode | undefined}
          namePlacement={options.namePlacement as BarGaugeNamePlacement | undefined}
          showUnfilled={(options.showUnfilled as boolean | undefined) ?? true}
          text={options.text as object | undefined}
          orientation={orientation}
          alignmentFactors={alignmentFactors}
          width={width}
          height={height}
          theme={theme}
          itemSpacing={8}
          lcdCellWidth={8}
        />
      )}
      source={inside.frames}
      renderCounter={1}
      width={width}
      height={height}
      minVizWidth={(options.minVizWidth as number | undefined) ?? 8}
      minVizHeight={(options.minVizHeight as number | undefined) ?? 16}
      maxVizHeight={(options.maxVizHeight as number | undefined) ?? 300}
      itemSpacing={8}
      orientation={orientationOf(inside)}
    />
  );
}

function Rows({ panel, frames, timeRange, width, height }: Inside): ReactElement {
  const frame = frames[(panel.options?.frameIndex as number | undefined) ?? 0];
  if (!frame) return <></>;
  return (
    <TableNG
      data={frame}
      width={width}
      height={height}
      timeRange={timeRange}
      noHeader={panel.options?.showHeader === false}
      sortBy={panel.options?.sortBy as never}
      cellHeight={panel.options?.cellHeight as never}
      fieldConfig={configOf(panel)}
      structureRev={1}
      // Every row belongs into the picture, also those that a screen would scroll to.
      enableVirtualization={false}
      contentAwareWidthsEnabled
    />
  );
}

function Text({ panel, variables }: Inside): ReactElement {
  const content = variables.inText(String(panel.options?.content ?? ''));
  const html = panel.options?.mode === 'html' ? content : renderMarkdown(content);
  return <div className="markdown-html" style={{ padding: 8 }} dangerouslySetInnerHTML={{ __html: html }} />;
}

/** What Grafana does with a graph's numbers before its component gets them: gaps for what is not finite, the legend's calculations. */
export function prepared(panel: Panel, frames: DataFrame[]): DataFrame[] {
  if (panel.type !== 'timeseries') return frames;
  const calcs = (panel.options?.legend as Partial<VizLegendOptions> | undefined)?.calcs ?? [];
  for (const field of frames.flatMap((frame) => frame.fields)) {
    if (field.type !== FieldType.number) continue;
    field.values = field.values.map((value: number | null) => (Number.isFinite(value) ? value : null));
    if (calcs.length > 0) reduceField({ field, reducers: calcs });
  }
  return frames;
}
