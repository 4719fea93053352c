import { guarded } from '../../lib/guarded';
import { services } from '../../lib/settings';

const SERIES = /^(atlas_(?:exposure|last_price|open_orders|daily_pnl|kill_switch)(?:\{[^}]*\})?) (\S+)$/gm;

/** GET: the workers' gauges, by name and labels. */
export default guarded({
  GET: async (_req, res) => {
    const answer = await fetch(services().metrics, { signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(`the workers' metrics answer ${answer.status}`);
    const found = (await answer.text()).matchAll(SERIES);
    res.json(Object.fromEntries(Array.from(found, ([, series, value]) => [series, Number(value)])));
  },
});
