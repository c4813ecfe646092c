// The page that is photographed: a dashboard with its rows, each panel where its place in the grid is. Gets its data from `window`, and tells
// there what it drew. No network.
import { createTheme, dateTime, dateTimeFormat, ThemeContext, type DataFrame, type TimeRange } from '@grafana/data';
import { GlobalStyles, PanelChrome, PortalContainer } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import { Component, type CSSProperties, type ReactElement, type ReactNode } from 'react';
import type { Collected } from '../collect.ts';
import { sections, type Panel, type Section } from '../dashboard.ts';
import { Variables } from '../variables.ts';
import { marksOf } from './annotations.ts';
import { withFieldConfig } from './fields.ts';
import { countValues, framesOf } from './frames.ts';
import { prepared, TYPES, type Inside } from './panels.tsx';
import '@fontsource/inter/400.css';
import '@fontsource/inter/500.css';
import '@fontsource/roboto-mono/400.css';
import 'uplot/dist/uPlot.min.css';

export interface Drawn {
  empty: string[];
  /** Panels and what went wrong in them. */
  failed: string[];
  height: number;
}

export interface Wish {
  collected: Collected;
  /** Titles of the rows to draw, and "" for what stands above the first; all when absent. */
  rows?: string[];
  width: number;
}

const GAP = 8;
const ROW = 30;
const EDGE = 16;
const theme = createTheme({ colors: { mode: 'dark' } });

/** An error in one panel must not take the others' picture, and must not pass unseen. */
class Caught extends Component<{ title: string; failed: string[]; children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  override componentDidCatch(error: Error) {
    this.props.failed.push(`${this.props.title}: ${error.message}`);
  }

  override render() {
    return this.state.broken ? <div>failed</div> : this.props.children;
  }
}

async function draw({ collected, rows, width }: Wish): Promise<Drawn> {
  const { dashboard, range } = collected;
  const variables = Variables.of(collected.variables);
  const timeZone = dashboard.timezone && dashboard.timezone !== 'browser' ? dashboard.timezone : 'utc';
  const raw = { from: dateTime(range.from * 1000), to: dateTime(range.to * 1000) };
  const timeRange: TimeRange = { ...raw, raw };
  const marks = marksOf(collected, theme);
  const empty: string[] = [];
  const failed: string[] = [];

  const all = sections(dashboard);
  for (const row of rows ?? []) {
    if (!all.some(({ title = '' }) => title === row)) throw new Error(`"${dashboard.title}" has no row "${row}"`);
  }
  const chosen = all.filter(({ title = '' }) => rows === undefined || rows.includes(title));

  const insides = new Map<number, Omit<Inside, 'width' | 'height'>>();
  for (const panel of chosen.flatMap((section) => section.panels)) {
    const title = panel.title ?? `panel ${panel.id}`;
    if (!TYPES[panel.type]) {
      failed.push(`${title}: panels of the type ${panel.type} cannot be drawn here`);
      continue;
    }
    let frames: DataFrame[] = [];
    try {
      frames = await framesOf(panel, collected.panels[panel.id] ?? [], variables);
    } catch (error) {
      failed.push(`${title}: ${error instanceof Error ? error.message : String(error)}`);
    }
    const configured = prepared(panel, withFieldConfig(panel, frames, variables, theme, timeZone));
    const inside = { panel, frames: configured, variables, marks, timeRange, timeZone };
    if (!hasData(inside)) empty.push(title);
    insides.set(panel.id, inside);
  }

  const inner = width - 2 * EDGE;
  const root = document.getElementById('root');
  if (!root) throw new Error('the page has no root');
  createRoot(root).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <PortalContainer />
      <div style={{ width, padding: EDGE }}>
        <Head title={dashboard.title} variables={variables} range={range} timeZone={timeZone} />
        {chosen.map((section, index) => (
          <Row key={index} section={section} width={inner} insides={insides} failed={failed} />
        ))}
      </div>
    </ThemeContext.Provider>,
  );
  await settled();
  return { empty, failed, height: Math.ceil(root.getBoundingClientRect().height) };
}

/** Fonts are there, and graphs have been drawn a few frames ago. */
async function settled(): Promise<void> {
  await document.fonts.ready;
  for (let frame = 0; frame < 30; frame += 1) {
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
}

const hasData = ({ panel, frames }: Omit<Inside, 'width' | 'height'>): boolean => panel.type === 'text' || countValues(frames) > 0;

function NoData(): ReactElement {
  return <div style={{ display: 'grid', placeItems: 'center', height: '100%', color: theme.colors.text.secondary }}>No data</div>;
}

function Head(props: { title: string; variables: Variables; range: { from: number; to: number }; timeZone: string }): ReactElement {
  const { title, variables, range, timeZone } = props;
  const time = (at: number) => dateTimeFormat(at * 1000, { format: 'HH:mm', timeZone });
  const box: CSSProperties = {
    border: `1px solid ${theme.colors.border.medium}`,
    borderRadius: theme.shape.radius.default,
    padding: '4px 8px',
    marginRight: 8,
  };
  return (
    <div style={{ display: 'flex', alignItems: 'center', marginBottom: 12, fontSize: 13, color: theme.colors.text.primary }}>
      <span style={{ fontSize: 18, fontWeight: 500, marginRight: 24 }}>{title}</span>
      {variables.list
        .filter(({ hidden }) => !hidden)
        .map(({ name, label, values, all }) => (
          <span key={name} style={box}>
            <span style={{ color: theme.colors.text.secondary, marginRight: 8 }}>{label}</span>
            {all ? 'All' : values.join(' + ')}
          </span>
        ))}
      <span style={{ marginLeft: 'auto', color: theme.colors.text.secondary }}>
        {time(range.from)} to {time(range.to)} {timeZone.toUpperCase()}
      </span>
    </div>
  );
}

function Row(props: {
  section: Section;
  width: number;
  insides: Map<number, Omit<Inside, 'width' | 'height'>>;
  failed: string[];
}): ReactElement {
  const { section, width, insides, failed } = props;
  const column = (width - 23 * GAP) / 24;
  const top = Math.min(...section.panels.map(({ gridPos }) => gridPos.y));
  const bottom = Math.max(...section.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  const cells = section.panels.length === 0 ? 0 : bottom - top;
  return (
    <section>
      {section.title !== undefined && (
        <h6 style={{ margin: '12px 0 8px', fontSize: 16, fontWeight: 500, color: theme.colors.text.primary }}>{section.title}</h6>
      )}
      <div style={{ position: 'relative', height: cells * (ROW + GAP), width }}>
        {section.panels.map((panel) => (
          <Placed key={panel.id} panel={panel} top={top} column={column} inside={insides.get(panel.id)} failed={failed} />
        ))}
      </div>
    </section>
  );
}

function Placed(props: {
  panel: Panel;
  top: number;
  column: number;
  inside: Omit<Inside, 'width' | 'height'> | undefined;
  failed: string[];
}): ReactElement {
  const { panel, top, column, inside, failed } = props;
  const { x, y, w, h } = panel.gridPos;
  const place: CSSProperties = {
    position: 'absolute',
    left: x * (column + GAP),
    top: (y - top) * (ROW + GAP),
  };
  const title = inside?.variables.inText(panel.title ?? '') ?? panel.title ?? '';
  const Kind = TYPES[panel.type];
  return (
    <div style={place}>
      <PanelChrome
        title={title}
        description={panel.description}
        width={w * column + (w - 1) * GAP}
        height={h * ROW + (h - 1) * GAP}
        displayMode={panel.transparent ? 'transparent' : 'default'}
        padding={panel.type === 'table' ? 'none' : 'md'}
      >
        {(width, height) => (
          <Caught title={title} failed={failed}>
            {inside && Kind && hasData(inside) ? <Kind {...inside} width={width} height={height} /> : <NoData />}
          </Caught>
        )}
      </PanelChrome>
    </div>
  );
}

declare global {
  interface Window {
    draw: (wish: Wish) => Promise<Drawn>;
  }
}
window.draw = draw;
