import { forward } from '../../lib/api';
import { guarded } from '../../lib/guarded';

/** GET lists the newest orders, POST places one: {product, side, size, price?}. */
export default guarded({
  GET: (_req, res, known) => forward(res, known, '/api/orders'),
  POST: (req, res, known) => forward(res, known, '/api/orders', req.body),
});
