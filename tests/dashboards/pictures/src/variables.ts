// A dashboard's variables: their values from Prometheus, and their places in queries and titles. Needs the network.
import { seconds, type Dashboard, type Variable } from './dashboard.ts';
import type { Prometheus } from './prometheus.ts';

export interface Value {
  name: string;
  label: string;
  hidden: boolean;
  /** What a query gets, before any escaping. */
  values: string[];
  /** All options: the query gets `allValue`, or every option. */
  all: boolean;
  allValue?: string;
  multi: boolean;
}

export interface Range {
  /** Unix time, in seconds. */
  from: number;
  to: number;
}

export class Variables {
  private readonly values = new Map<string, Value>();

  get list(): Value[] {
    return [...this.values.values()];
  }

  static of(values: Value[]): Variables {
    const variables = new Variables();
    for (const value of values) variables.values.set(value.name, value);
    return variables;
  }

  /** Resolves the variables in the order of the dashboard, since a later one may use an earlier one. `chosen` wins over the dashboard. */
  static async resolve(
    dashboard: Dashboard,
    prometheus: Prometheus,
    range: Range,
    chosen: Record<string, string>,
  ): Promise<Variables> {
    const variables = new Variables();
    for (const variable of dashboard.templating?.list ?? []) {
      variables.values.set(variable.name, await variables.one(variable, prometheus, range, chosen[variable.name]));
    }
    for (const name of Object.keys(chosen)) {
      if (!variables.values.has(name)) throw new Error(`"${dashboard.title}" has no variable ${name}`);
    }
    return variables;
  }

  /** `$name`, `${name}`, `${name:format}` and `[[name]]` in a query, where several values become a regular expression. */
  inQuery(text: string, builtIn: Record<string, string> = {}): string {
    return this.replace(text, builtIn, (value, format) => {
      if (value.all && value.allValue) return value.allValue;
      if (format === 'raw') return value.values.join(',');
      if (!value.multi && !value.all && format !== 'regex') return value.values[0] ?? '';
      const escaped = value.values.map((one) => one.replace(/[\\^$*+?.()|[\]{}]/g, '\\\\$&'));
      return escaped.length === 1 ? (escaped[0] ?? '') : `(${escaped.join('|')})`;
    });
  }

  /** The same in a title or legend, where several values are read by people. */
  inText(text: string, builtIn: Record<string, string> = {}): string {
    return this.replace(text, builtIn, (value) => (value.all ? 'All' : value.values.join(' + ')));
  }

  private replace(
    text: string,
    builtIn: Record<string, string>,
    write: (value: Value, format: string | undefined) => string,
  ): string {
    return text.replace(
      /\$(\w+)|\$\{(\w+)(?::(\w+))?\}|\[\[(\w+)\]\]/g,
      (whole, plain?: string, braced?: string, format?: string, old?: string) => {
        const name = plain ?? braced ?? old ?? '';
        const fixed = builtIn[name];
        if (fixed !== undefined) return fixed;
        const value = this.values.get(name);
        return value ? write(value, format) : whole;
      },
    );
  }

  private async one(variable: Variable, prometheus: Prometheus, range: Range, chosen?: string): Promise<Value> {
    const value: Value = {
      name: variable.name,
      label: variable.label ?? variable.name,
      hidden: variable.hide === 2,
      values: [],
      all: false,
      multi: variable.multi ?? false,
    };
    if (variable.type === 'datasource') {
      return { ...value, values: ['Prometheus'] };
    }
    const options = await this.options(variable, prometheus, range);
    const wanted = chosen ?? first(variable.current?.value);
    if (chosen !== undefined && chosen !== '$__all') {
      return { ...value, values: chosen.split(',') };
    }
    if (variable.includeAll && (wanted === undefined || wanted === '$__all' || wanted === '')) {
      return { ...value, all: true, values: options, ...(variable.allValue ? { allValue: variable.allValue } : {}) };
    }
    const picked = wanted !== undefined && options.includes(wanted) ? wanted : options[0];
    return { ...value, values: picked === undefined ? [] : [picked] };
  }

  private async options(variable: Variable, prometheus: Prometheus, range: Range): Promise<string[]> {
    const text = typeof variable.query === 'object' ? variable.query.query : (variable.query ?? '');
    if (variable.type === 'custom' || variable.type === 'constant' || variable.type === 'interval') {
      return text.split(',').map((option) => option.trim());
    }
    if (variable.type === 'textbox') return [text];
    if (variable.type !== 'query') throw new Error(`variable ${variable.name}: the type ${variable.type} is not supported`);
    const found = await this.ask(this.inQuery(text), prometheus, range);
    const filter = variable.regex ? pattern(variable.regex) : undefined;
    const kept = filter
      ? found.flatMap((option) => {
          const match = filter.exec(option);
          return match ? [match[1] ?? match[0]] : [];
        })
      : found;
    return [...new Set(kept)].sort();
  }

  private async ask(query: string, prometheus: Prometheus, range: Range): Promise<string[]> {
    const values = /^label_values\(\s*(?:(.+),\s*)?(\w+)\s*\)$/s.exec(query);
    if (values) return prometheus.labelValues(values[2] ?? '', values[1], range.from, range.to);
    const result = /^query_result\((.+)\)$/s.exec(query);
    const answer = await prometheus.instant(result?.[1] ?? query, range.to);
    return answer.series.map(({ metric, values: samples }) => {
      const { __name__: name = '', ...labels } = metric;
      const written = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
      return `${name}{${written.join(',')}} ${samples[0]?.[1]} ${Math.round((samples[0]?.[0] ?? 0) * 1000)}`;
    });
  }
}

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function pattern(text: string): RegExp {
  const slashed = /^\/(.*)\/(\w*)$/s.exec(text);
  return slashed ? new RegExp(slashed[1] ?? '', slashed[2]) : new RegExp(text);
}

/** Grafana's own variables for one query: the step, the window of rates that suits it, and the length of the range. */
export function builtIn(step: number, range: Range, scrapeInterval: number): Record<string, string> {
  const length = Math.round(range.to - range.from);
  return {
    __interval: `${step}s`,
    __interval_ms: String(step * 1000),
    __rate_interval: `${Math.max(step + scrapeInterval, 4 * scrapeInterval)}s`,
    __range: `${length}s`,
    __range_s: String(length),
    __range_ms: String(length * 1000),
  };
}

/** The step of a range query in seconds: one point per pixel at most, never shorter than asked or scraped, and a round number. */
export function stepOf(range: Range, points: number, shortest: string | undefined, scrapeInterval: number): number {
  const least = Math.max(scrapeInterval, shortest && !shortest.includes('$') ? seconds(shortest.replace(/^>=?/, '')) : 0);
  const ideal = (range.to - range.from) / Math.max(points, 1);
  const round = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600];
  return Math.max(least, round.find((candidate) => candidate >= ideal) ?? 3600);
}
