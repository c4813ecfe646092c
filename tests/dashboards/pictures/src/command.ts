// The command line: which dashboards, which Prometheus, where the pictures go. Reads and writes files; asks Prometheus.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { photograph } from './browser.ts';
import { collect, type Collected } from './collect.ts';
import { sections, seconds, type Dashboard } from './dashboard.ts';

const USAGE = `usage: run [OPTION...] [PICTURE...]
Draws the pictures of the list, or the named ones of it, from the Prometheus at PROMETHEUS_URL.
  --list FILE            the list (pictures.json)
  --dashboards FOLDER    where its dashboards are
  --out FOLDER           where the pictures go
  --prometheus URL       instead of PROMETHEUS_URL
  --range DURATION       how much time is shown (20m)
  --to TIME              the end, as Unix time or RFC 3339 (now)
  --scrape-interval D    as Grafana's data source would be told (5s)
  --allow-empty TITLE    this panel may be empty; may be repeated
  --keep FOLDER          keep the answers there
  --kept FOLDER          draw from the answers kept there, without Prometheus
exit code: 0 drawn, 1 a panel is empty or cannot be drawn, 2 wrong use`;

interface Entry {
  picture: string;
  dashboard: string;
  width?: number;
  /** Titles of the rows to draw, "" for what stands above the first; all when absent. */
  rows?: string[];
  range?: string;
  /** How long before the end of the scene the picture ends; nothing when absent. */
  before?: string;
  variables?: Record<string, string>;
  allowEmpty?: string[];
}

class WrongUse extends Error {}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: 'boolean' },
      list: { type: 'string' },
      dashboards: { type: 'string' },
      out: { type: 'string' },
      prometheus: { type: 'string', default: process.env.PROMETHEUS_URL },
      range: { type: 'string' },
      to: { type: 'string' },
      'scrape-interval': { type: 'string', default: '5s' },
      'allow-empty': { type: 'string', multiple: true, default: [] },
      keep: { type: 'string' },
      kept: { type: 'string' },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const { list, dashboards, out } = values;
  if (!list || !dashboards || !out) throw new WrongUse('--list, --dashboards and --out are needed');
  if (!values.prometheus && !values.kept) throw new WrongUse('set PROMETHEUS_URL, or give --prometheus or --kept');

  const entries = JSON.parse(readFileSync(list, 'utf8')) as Entry[];
  for (const name of positionals) {
    if (!entries.some(({ picture }) => picture === name)) throw new WrongUse(`${list} has no picture ${name}`);
  }
  const wanted = entries.filter(({ picture }) => positionals.length === 0 || positionals.includes(picture));
  const to = values.to === undefined ? Date.now() / 1000 : timeOf(values.to);

  let good = true;
  for (const entry of wanted) {
    const end = to - (entry.before ? seconds(entry.before) : 0);
    const kept = `${basename(entry.picture, '.png')}.json`;
    const collected: Collected = values.kept
      ? (JSON.parse(readFileSync(join(values.kept, kept), 'utf8')) as Collected)
      : await collect(readDashboard(join(dashboards, entry.dashboard)), {
          prometheus: values.prometheus ?? '',
          range: { from: end - seconds(values.range ?? entry.range ?? '20m'), to: end },
          scrapeInterval: seconds(values['scrape-interval']),
          variables: entry.variables ?? {},
          width: entry.width ?? 1600,
        });
    if (values.keep) {
      mkdirSync(values.keep, { recursive: true });
      writeFileSync(join(values.keep, kept), JSON.stringify(collected));
    }
    good = (await draw(entry, collected, out, values['allow-empty'])) && good;
  }
  return good ? 0 : 1;
}

async function draw(entry: Entry, collected: Collected, out: string, allowed: string[]): Promise<boolean> {
  const here = dirname(process.argv[1] ?? '.');
  const wish = { collected, width: entry.width ?? 1600, ...(entry.rows ? { rows: entry.rows } : {}) };
  const chromium = process.env.CHROMIUM ?? 'chromium';
  const { picture, empty, failed, height } = await photograph(wish, join(here, 'page'), chromium);
  mkdirSync(out, { recursive: true });
  const file = join(out, entry.picture);
  writeFileSync(file, picture);
  console.log(`${file}: ${wish.width}x${height}, ${Math.round(picture.length / 1024)} KiB`);

  const forbidden = empty.filter((title) => !allowed.includes(title) && !entry.allowEmpty?.includes(title));
  for (const title of forbidden) console.error(`${entry.dashboard}: the panel "${title}" is empty`);
  for (const trouble of failed) console.error(`${entry.dashboard}: ${trouble}`);
  // A query of several may rightly find nothing; whoever looks at the picture should know.
  const drawn = sections(collected.dashboard).filter(({ title = '' }) => !entry.rows || entry.rows.includes(title));
  for (const panel of drawn.flatMap(({ panels }) => panels)) {
    for (const { expr, answer } of collected.panels[panel.id] ?? []) {
      if (answer.series.length === 0) console.log(`  ${panel.title}: no series for ${expr}`);
    }
  }
  return forbidden.length === 0 && failed.length === 0;
}

function readDashboard(path: string): Dashboard {
  const dashboard = JSON.parse(readFileSync(path, 'utf8')) as Dashboard;
  if (!Array.isArray(dashboard.panels)) {
    throw new Error(`${path} has no list of panels; is it a dashboard's JSON?`);
  }
  return dashboard;
}

function timeOf(text: string): number {
  const time = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Date.parse(text) / 1000;
  if (Number.isNaN(time)) throw new WrongUse(`"${text}" is not a time`);
  return time;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    if (error instanceof WrongUse) console.error(USAGE);
    process.exitCode = error instanceof WrongUse ? 2 : 1;
  },
);
