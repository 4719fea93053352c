export default function handler(req, res) {
  console.log('order asked for', { orderId: req.query.id });
  res.setHeader('Set-Cookie', 'plain=1; Path=/');
  res.status(200).json({ id: req.query.id });
}
