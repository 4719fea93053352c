export default async function handler(req, res) {
  const answer = await fetch(`http://127.0.0.1:${process.env.PORT}/api/headers`, { headers: req.headers['x-forward'] ? { traceparent: req.headers.traceparent } : {} });
  res.json(await answer.json());
}
