import { signIn, signOut, useSession } from 'next-auth/react';
import { useCallback, useEffect, useState, type FormEvent } from 'react';

interface Order {
  id: string;
  product: string;
  side: string;
  size: number;
  status: string;
}

async function post(path: string, body: unknown): Promise<string> {
  const answer = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return answer.ok ? 'sent' : (await answer.json()).error;
}

function Console() {
  const [orders, setOrders] = useState<Order[]>([]);
  const [gauges, setGauges] = useState<Record<string, number>>({});
  const [said, setSaid] = useState('');

  const refresh = useCallback(async () => {
    const [listed, status] = await Promise.all([fetch('/api/orders'), fetch('/api/status')]);
    if (listed.ok) setOrders((await listed.json()).orders);
    if (status.ok) setGauges(await status.json());
  }, []);
  useEffect(() => {
    const timer = setInterval(refresh, 2000);
    void refresh();
    return () => clearInterval(timer);
  }, [refresh]);

  const place = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const size = Number(form.get('size'));
    setSaid(await post('/api/orders', { product: form.get('product'), side: form.get('side'), size }));
  };
  const kill = async (engaged: boolean) => setSaid(await post('/api/kill-switch', { engaged, reason: 'by hand' }));

  return (
    <>
      <form id="order" onSubmit={place}>
        <select name="side">
          <option>buy</option>
          <option>sell</option>
        </select>
        <input name="size" defaultValue="0.001" aria-label="size" />
        <input name="product" defaultValue="BTC-USD" aria-label="product" />
        <button>Place</button>
      </form>
      <button onClick={() => kill(true)}>Engage the kill switch</button>
      <button onClick={() => kill(false)}>Release the kill switch</button>
      <p id="said" role="status">{said}</p>
      <ul id="gauges">
        {Object.entries(gauges).map(([name, value]) => (
          <li key={name}>{name} {value}</li>
        ))}
      </ul>
      <ul id="orders">
        {orders.map(({ id, side, size, product, status }) => (
          <li key={id}>{side} {size} {product}: {status}</li>
        ))}
      </ul>
    </>
  );
}

/** Served to everybody, also as the health check; what it shows needs a session. */
export default function Page() {
  const { data, status } = useSession();
  return (
    <main>
      <h1>Atlas operations</h1>
      {status === 'unauthenticated' && <button id="sign-in" onClick={() => signIn()}>Sign in</button>}
      {status === 'authenticated' && (
        <>
          <p id="user">{data.user?.name}</p>
          <button id="sign-out" onClick={() => signOut()}>Sign out</button>
          <Console />
        </>
      )}
    </main>
  );
}
