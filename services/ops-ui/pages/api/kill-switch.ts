import { forward } from '../../lib/api';
import { guarded } from '../../lib/guarded';

/** POST {engaged, reason}. */
export default guarded({
  POST: (req, res, known) => forward(res, known, '/api/kill-switch', req.body),
});
