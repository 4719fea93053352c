export default function handler(req, res) {
  res.json(req.rawHeaders.filter((_, at) => at % 2 === 1 && req.rawHeaders[at - 1].toLowerCase() === 'traceparent'));
}
