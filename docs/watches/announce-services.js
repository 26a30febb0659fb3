// Posts a message to WEBHOOK_URL for every new Service. A failure is thrown, so that Fermi tries again.
export default async ({ request }) => {
  if (request.headers["x-fermi-event"] !== "ADDED") return;
  const { name, namespace } = request.body.metadata;
  const answer = await fetch(process.env.WEBHOOK_URL, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ text: `New service ${namespace}/${name}` }),
  });
  if (!answer.ok) throw new Error(`the webhook answered ${answer.status}`);
};
