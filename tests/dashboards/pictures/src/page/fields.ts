// Applies a panel's field configuration as Grafana does: defaults, overrides, colours, units. No network.
import {
  applyFieldOverrides,
  cacheFieldDisplayNames,
  FieldConfigOptionsRegistry,
  type DataFrame,
  type FieldConfigPropertyItem,
  type FieldConfigSource,
  type GrafanaTheme2,
} from '@grafana/data';
import type { Panel } from '../dashboard.ts';
import type { Variables } from '../variables.ts';

/** What the plugins of Grafana set where the dashboard's JSON is silent; the plugins themselves are not published. */
const CUSTOM_DEFAULTS: Record<string, Record<string, unknown>> = {
  timeseries: {
    drawStyle: 'line',
    lineInterpolation: 'linear',
    lineWidth: 1,
    fillOpacity: 0,
    gradientMode: 'none',
    showPoints: 'auto',
    pointSize: 5,
    spanNulls: false,
    stacking: { mode: 'none', group: 'A' },
    axisPlacement: 'auto',
    axisGridShow: true,
    scaleDistribution: { type: 'linear' },
    hideFrom: { legend: false, tooltip: false, viz: false },
  },
  table: { align: 'auto', cellOptions: { type: 'auto' } },
};

const STANDARD = [
  'unit', 'min', 'max', 'fieldMinMax', 'decimals', 'displayName', 'noValue', 'thresholds', 'mappings', 'links', 'color', 'filterable',
];

export function withFieldConfig(
  panel: Panel,
  frames: DataFrame[],
  variables: Variables,
  theme: GrafanaTheme2,
  timeZone: string,
): DataFrame[] {
  const fieldConfig = configOf(panel);
  const configured = applyFieldOverrides({
    data: frames,
    fieldConfig,
    fieldConfigRegistry: registryFor(fieldConfig),
    replaceVariables: (text) => variables.inText(text),
    theme,
    timeZone,
  });
  cacheFieldDisplayNames(configured);
  return configured;
}

export function configOf(panel: Panel): FieldConfigSource {
  const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
  return {
    defaults: {
      // Grafana's own default for a graph; other panels colour by their thresholds.
      ...(panel.type === 'timeseries' ? { color: { mode: 'palette-classic' } } : { color: { mode: 'thresholds' } }),
      thresholds: { mode: 'absolute' as never, steps: [{ value: -Infinity, color: 'green' }, { value: 80, color: 'red' }] },
      ...defaults,
      custom: { ...CUSTOM_DEFAULTS[panel.type], ...(defaults.custom as object | undefined) },
    },
    overrides,
  };
}

/** Every property that this panel writes, standard and its plugin's own. */
function registryFor({ defaults, overrides }: FieldConfigSource): FieldConfigOptionsRegistry {
  const custom = new Set([
    ...Object.keys((defaults.custom as object | undefined) ?? {}),
    ...overrides.flatMap(({ properties }) =>
      properties.filter(({ id }) => id.startsWith('custom.')).map(({ id }) => id.slice('custom.'.length)),
    ),
  ]);
  return new FieldConfigOptionsRegistry(() => [
    ...STANDARD.map((id) => property(id, id, false)),
    ...[...custom].map((path) => property(`custom.${path}`, path, true)),
  ]);
}

function property(id: string, path: string, isCustom: boolean): FieldConfigPropertyItem {
  const nothing = () => null;
  return {
    id,
    path,
    name: id,
    isCustom,
    editor: nothing,
    override: nothing,
    process: (value: unknown) => (id === 'thresholds' ? fromJson(value) : value),
    shouldApply: () => true,
  };
}

/** JSON has no infinity: the lowest threshold is written as null. */
function fromJson(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('steps' in value)) return value;
  const steps = (value as { steps: Array<{ value: number | null }> }).steps;
  return { ...value, steps: steps.map((step) => ({ ...step, value: step.value ?? -Infinity })) };
}
