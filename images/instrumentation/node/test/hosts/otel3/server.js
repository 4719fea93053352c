if (process.env.TRACING !== 'late') require('./tracing');
require('../../support/calling').serve(require);
if (process.env.TRACING === 'late') require('./tracing');
