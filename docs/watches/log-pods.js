// Prints a line for whatever happens to a pod: `fermi function logs pods -f` shows them.
export default async ({ request }) => {
  const pod = request.body;
  console.log(request.headers["x-fermi-event"], pod.metadata.namespace, pod.metadata.name, pod.status?.phase);
};
