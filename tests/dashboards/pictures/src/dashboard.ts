// The parts of a dashboard's JSON that a picture needs. No network.
import type { FieldConfigSource } from '@grafana/data';

export interface Target {
  refId: string;
  expr: string;
  legendFormat?: string;
  format?: 'time_series' | 'table' | 'heatmap';
  instant?: boolean;
  range?: boolean;
  /** Shortest step, as `15s` or `$__rate_interval`. */
  interval?: string;
  hide?: boolean;
}

export interface GridPosition {
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface Panel {
  id: number;
  type: string;
  title?: string;
  description?: string;
  gridPos: GridPosition;
  targets?: Target[];
  fieldConfig?: FieldConfigSource;
  options?: Record<string, unknown>;
  transformations?: Array<{ id: string; options: Record<string, unknown>; disabled?: boolean }>;
  maxDataPoints?: number;
  interval?: string;
  timeFrom?: string;
  transparent?: boolean;
  collapsed?: boolean;
  panels?: Panel[];
}

export interface Variable {
  name: string;
  type: string;
  label?: string;
  hide?: number;
  query?: string | { query: string; qryType?: number };
  regex?: string;
  allValue?: string | null;
  includeAll?: boolean;
  multi?: boolean;
  sort?: number;
  current?: { value?: string | string[] };
}

export interface Annotation {
  name: string;
  enable?: boolean;
  target?: { expr?: string; interval?: string };
  expr?: string;
  step?: string;
  iconColor?: string;
  titleFormat?: string;
  useValueForTime?: boolean | string;
  datasource?: { type?: string; uid?: string } | string | null;
  hide?: boolean;
}

export interface Dashboard {
  uid: string;
  title: string;
  panels: Panel[];
  timezone?: string;
  templating?: { list: Variable[] };
  annotations?: { list: Annotation[] };
}

/** One row of the dashboard: its header, when it has one, and the panels under it. */
export interface Section {
  title?: string;
  panels: Panel[];
}

/** The dashboard's rows in their order; a collapsed row keeps its panels inside itself. */
export function sections(dashboard: Dashboard): Section[] {
  const ordered = [...dashboard.panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x);
  const found: Section[] = [];
  for (const panel of ordered) {
    if (panel.type === 'row') {
      found.push({ title: panel.title ?? '', panels: [...(panel.panels ?? [])] });
      continue;
    }
    const last = found.at(-1);
    if (last) last.panels.push(panel);
    else found.push({ panels: [panel] });
  }
  return found;
}

/** Seconds of a duration as Prometheus writes it: `30s`, `1m`, `1h30m`, `500ms`. */
export function seconds(duration: string): number {
  const units: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400, w: 604800, y: 31536000 };
  const parts = [...duration.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdwy])/g)];
  if (parts.map((part) => part[0]).join('') !== duration || parts.length === 0) {
    throw new Error(`"${duration}" is not a duration such as 30s or 1h30m`);
  }
  return parts.reduce((sum, part) => sum + Number(part[1]) * (units[part[2] ?? ''] ?? 0), 0);
}
