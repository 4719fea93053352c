export default function Shop({ params }) {
  return <h1>{params.slug}</h1>;
}
