export async function GET(request, { params }) {
  console.log('item asked for', { item: params.item });
  const { traceparent } = await (await fetch(process.env.ECHO_URL, { cache: 'no-store' })).json();
  return Response.json({ item: params.item, traceparent });
}
