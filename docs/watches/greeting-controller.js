// Keeps a ConfigMap for every Greeting. Applied on the server's side: made, or brought back to what it should be.
import https from "node:https";
const { KUBERNETES_URL, KUBERNETES_TOKEN, KUBERNETES_CA } = process.env;

export default async ({ request }) => {
  // The cluster takes the ConfigMap away with its owner.
  if (request.headers["x-fermi-event"] === "DELETED") return;
  const { apiVersion, kind, metadata, spec } = request.body;
  const { name, namespace, uid } = metadata;
  const owner = { apiVersion, kind, name, uid, controller: true };
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace, ownerReferences: [owner] } };
  const status = await apply(`/api/v1/namespaces/${namespace}/configmaps/${name}`, {
    ...map,
    data: { text: `Hello, ${spec.to}!` },
  });
  if (status >= 300) throw new Error(`the cluster answered ${status}`); // and Fermi tries again
};

const apply = (path, object) =>
  new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${KUBERNETES_TOKEN}`, "content-type": "application/apply-patch+yaml" };
    const url = new URL(`${path}?fieldManager=greetings&force=true`, KUBERNETES_URL);
    const call = https.request(url, { method: "PATCH", headers, ca: KUBERNETES_CA }, (answer) => {
      answer.resume().on("end", () => resolve(answer.statusCode));
    });
    call.on("error", reject).end(JSON.stringify(object));
  });
