export const getServerSideProps = async () => ({ props: { now: 1 } });

export default function Old() {
  return <p>old page</p>;
}
