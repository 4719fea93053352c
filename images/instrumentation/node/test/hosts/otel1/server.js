require('./tracing');
require('../../support/calling').serve(require);
