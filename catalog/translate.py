"""A query of logs in the language of VictoriaLogs, for whoever has it in Loki's:

python -m catalog.translate '{service_name="api"} |= "refused"'
"""

import sys

from catalog.log_queries import LogQueryError
from catalog.logsql import to_logsql

if __name__ == "__main__":
    for argument in sys.argv[1:]:
        try:
            print(to_logsql(argument))
        except LogQueryError as error:
            sys.exit(str(error))
