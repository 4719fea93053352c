// Parses LogQL by Grafana's own grammar: a JSON list of queries on stdin, on stdout for each the position of its first fault, or null.
import { text } from 'node:stream/consumers';
import { parser } from '@grafana/lezer-logql';

function firstFault(query) {
  let position = null;
  parser.parse(query).iterate({
    enter(node) {
      if (node.type.isError) position ??= node.from;
    },
  });
  return position;
}

process.stdout.write(JSON.stringify(JSON.parse(await text(process.stdin)).map(firstFault)));
