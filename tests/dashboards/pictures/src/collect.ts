// Runs every query of a dashboard and keeps the answers, so that it can be drawn without Prometheus. Needs the network.
import { sections, type Annotation, type Dashboard, type Panel, type Target } from './dashboard.ts';
import { Prometheus, type Answer } from './prometheus.ts';
import { builtIn, stepOf, Variables, type Range, type Value } from './variables.ts';

export interface Answered {
  target: Target;
  expr: string;
  answer: Answer;
}

export interface Collected {
  dashboard: Dashboard;
  range: Range;
  scrapeInterval: number;
  variables: Value[];
  /** By the panel's id. */
  panels: Record<number, Answered[]>;
  annotations: Array<{ annotation: Annotation; answer: Answer }>;
}

export interface Question {
  prometheus: string;
  range: Range;
  /** Seconds; Grafana has it from its data source's settings. */
  scrapeInterval: number;
  variables: Record<string, string>;
  /** Width of the whole dashboard in pixels. */
  width: number;
}

/** The annotation that Grafana itself adds has no query of Prometheus. */
const queryOf = (annotation: Annotation): string => annotation.target?.expr ?? annotation.expr ?? '';

export async function collect(dashboard: Dashboard, question: Question): Promise<Collected> {
  const prometheus = new Prometheus(question.prometheus);
  const { range, scrapeInterval } = question;
  const variables = await Variables.resolve(dashboard, prometheus, range, question.variables);

  const ask = async (panel: Panel, target: Target): Promise<Answered[]> => {
    const points = panel.maxDataPoints ?? Math.floor((panel.gridPos.w / 24) * question.width);
    const shortest = variables.inQuery(target.interval || panel.interval || '');
    const step = stepOf(range, points, shortest || undefined, scrapeInterval);
    const expr = variables.inQuery(target.expr, builtIn(step, range, scrapeInterval));
    const answers: Answered[] = [];
    if (target.range !== false && (target.range || !target.instant)) {
      answers.push({ target, expr, answer: await prometheus.range(expr, range.from, range.to, step) });
    }
    if (target.instant) {
      answers.push({ target, expr, answer: await prometheus.instant(expr, range.to) });
    }
    return answers;
  };

  const panels: Record<number, Answered[]> = {};
  for (const panel of sections(dashboard).flatMap((section) => section.panels)) {
    const shown = (panel.targets ?? []).filter((target) => !target.hide);
    panels[panel.id] = (await Promise.all(shown.map((target) => ask(panel, target)))).flat();
  }

  const annotations: Collected['annotations'] = [];
  for (const annotation of dashboard.annotations?.list ?? []) {
    if (annotation.enable === false || !queryOf(annotation)) continue;
    const step = stepOf(range, 1000, annotation.target?.interval ?? annotation.step, scrapeInterval);
    const expr = variables.inQuery(queryOf(annotation), builtIn(step, range, scrapeInterval));
    annotations.push({ annotation, answer: await prometheus.range(expr, range.from, range.to, step) });
  }
  return { dashboard, range, scrapeInterval, variables: variables.list, panels, annotations };
}
