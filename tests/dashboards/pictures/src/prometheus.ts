// Asks a Prometheus, and says what it answered in its own words. Needs the network.

export type Sample = [seconds: number, value: string];

export interface Series {
  metric: Record<string, string>;
  values: Sample[];
}

export interface Answer {
  series: Series[];
  /** Seconds between two points; absent for an instant query. */
  step?: number;
}

interface Envelope {
  status: string;
  error?: string;
  data?: unknown;
}

export class Prometheus {
  constructor(private readonly url: string) {}

  async range(query: string, from: number, to: number, step: number): Promise<Answer> {
    // As Grafana does: points fall on multiples of the step, so that a graph does not wobble when it is drawn again.
    const start = Math.floor(from / step) * step;
    const end = Math.floor(to / step) * step;
    const data = await this.ask('query_range', { query, start: String(start), end: String(end), step: String(step) });
    return { series: series(data), step };
  }

  async instant(query: string, at: number): Promise<Answer> {
    return { series: series(await this.ask('query', { query, time: String(at) })) };
  }

  async labelValues(label: string, selector: string | undefined, from: number, to: number): Promise<string[]> {
    const parameters: Record<string, string> = { start: String(from), end: String(to) };
    if (selector) parameters['match[]'] = selector;
    return (await this.ask(`label/${label}/values`, parameters, 'GET')) as string[];
  }

  private async ask(path: string, parameters: Record<string, string>, method = 'POST'): Promise<unknown> {
    const form = new URLSearchParams(parameters);
    const address = `${this.url.replace(/\/$/, '')}/api/v1/${path}`;
    const request = method === 'GET' ? fetch(`${address}?${form}`) : fetch(address, { method, body: form });
    const response = await request.catch((error: Error) => {
      throw new Error(`${address} cannot be reached: ${String(error.cause ?? error)}; is Prometheus there?`);
    });
    const text = await response.text();
    let envelope: Envelope;
    try {
      envelope = JSON.parse(text) as Envelope;
    } catch {
      throw new Error(`${address} answered ${response.status}: ${text.slice(0, 200)}`);
    }
    if (envelope.status !== 'success') {
      throw new Error(`${address} refused ${parameters.query ?? path}: ${envelope.error ?? response.status}`);
    }
    return envelope.data;
  }
}

function series(data: unknown): Series[] {
  const { resultType, result } = data as { resultType: string; result: unknown };
  switch (resultType) {
    case 'matrix':
      return result as Series[];
    case 'vector':
      return (result as Array<{ metric: Record<string, string>; value: Sample }>).map(({ metric, value }) => ({
        metric,
        values: [value],
      }));
    case 'scalar':
      return [{ metric: {}, values: [result as Sample] }];
    default:
      throw new Error(`an answer of type ${resultType} cannot be drawn`);
  }
}
