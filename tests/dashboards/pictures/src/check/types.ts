// The types of a dashboard's JSON, from Grafana's own: the dashboard, and each panel with the options of its kind. Unknown keys are errors.
import type * as schema from '@grafana/schema';
import type * as bargauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as timeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as text from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

/** What JSON can hold of `T`: the values of an enum are written out, a function not at all, and JSON's null stands for infinity. */
type Json<T> = T extends string
  ? `${T}`
  : T extends number
    ? number extends T
      ? number | null
      : `${T}` extends `${infer N extends number}`
        ? N
        : number
    : T extends ReadonlyArray<infer U>
      ? Array<Json<U>>
      : T extends object
        ? { [K in keyof T]: Json<T[K]> }
        : T;

/** Grafana fills in what is not written. */
type Sparse<T> = T extends ReadonlyArray<unknown> ? T : T extends object ? { [K in keyof T]?: Sparse<T[K]> } : T;

/** The query of a Prometheus data source, whose type is not published with the others. */
interface PrometheusTarget {
  refId: string;
  datasource: schema.DataSourceRef;
  expr: string;
  legendFormat?: string;
  format?: 'time_series' | 'table' | 'heatmap';
  instant?: boolean;
  range?: boolean;
  exemplar?: boolean;
  interval?: string;
  intervalFactor?: number;
  editorMode?: 'builder' | 'code';
  hide?: boolean;
}

type StandardField = Sparse<Json<Omit<schema.FieldConfig, 'custom'>>>;

interface PanelOf<Kind extends string, Options, Custom>
  extends Json<Omit<schema.Panel, 'type' | 'id' | 'gridPos' | 'targets' | 'options' | 'fieldConfig' | 'description' | 'title'>> {
  type: Kind;
  id: number;
  title: string;
  description: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets: PrometheusTarget[];
  options: Sparse<Json<Options>>;
  fieldConfig: {
    defaults: StandardField & { custom?: Sparse<Json<Custom>> };
    overrides: Json<schema.FieldConfigSource['overrides']>;
  };
}

type Panel =
  | PanelOf<'timeseries', timeseries.Options, timeseries.FieldConfig>
  | PanelOf<'stat', stat.Options, object>
  | PanelOf<'bargauge', bargauge.Options, object>
  | PanelOf<'table', table.Options, table.FieldConfig>
  | PanelOf<'heatmap', heatmap.Options, heatmap.FieldConfig>
  | PanelOf<'state-timeline', timeline.Options, timeline.FieldConfig>
  | (Omit<PanelOf<'text', text.Options, object>, 'targets' | 'fieldConfig'> & { targets?: []; fieldConfig?: { defaults: object; overrides: [] } });

interface Row extends Json<Omit<schema.RowPanel, 'panels' | 'type'>> {
  type: 'row';
  panels: Panel[];
}

/** Prometheus' own fields of an annotation stand beside Grafana's. */
type Annotation = Json<Omit<schema.AnnotationQuery, 'target' | 'filter'>> & {
  filter?: Json<schema.AnnotationQuery['filter']>;
  target?: Sparse<PrometheusTarget> & { limit?: number; matchAny?: boolean; tags?: string[]; type?: string };
  expr?: string;
  step?: string;
  titleFormat?: string;
  textFormat?: string;
  tagKeys?: string;
  useValueForTime?: boolean;
};

/** Grafana writes the query a second time as its definition, and picks the current value itself when there is none. */
type Variable = Json<Omit<schema.VariableModel, 'current'>> & {
  current?: Sparse<Json<schema.VariableModel['current']>>;
  definition?: string;
};

export interface Checked extends Json<Omit<schema.Dashboard, 'panels' | 'annotations' | 'templating' | 'id'>> {
  /** Grafana gives the number. */
  id?: null;
  uid: string;
  title: string;
  schemaVersion: number;
  panels: Array<Panel | Row>;
  annotations: { list: Annotation[] };
  templating: { list: Variable[] };
}
