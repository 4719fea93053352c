require('../../support/trading').serve(require);
