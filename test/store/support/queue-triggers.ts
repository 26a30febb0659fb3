import { newId } from "../../../src/lib/new-id.js";
import type { NewTopicMessage } from "../../../src/model/topic-message.js";
import { ctx, newEnvironment, newFunction, type Services } from "./open-services.js";

interface TriggerRow {
  readonly topic: string;
  readonly namespace?: string;
  readonly broker?: string;
}

/** Writes queue triggers' rows as they are in the store; the function is made with the first. */
export async function queueTriggers({ environments, functions, dataSource }: Services): Promise<{
  create(row: TriggerRow): Promise<string>;
  delete(id: string): Promise<void>;
}> {
  await environments.create(ctx, newEnvironment());
  const { id: functionId } = await functions.create(ctx, newFunction());
  return {
    async create({ topic, namespace = "default", broker = "POSTGRES" }) {
      const id = newId();
      await dataSource.query(
        `INSERT INTO queue_trigger (id, namespace, name, revision, created_at, updated_at, function_id, enabled, broker,
          topic, max_attempts, concurrency) VALUES ($1, $2, $3, 1, now(), now(), $4, true, $5, $6, 5, 1)`,
        [id, namespace, `q-${id}`, functionId, broker, topic],
      );
      return id;
    },
    async delete(id) {
      await dataSource.query("UPDATE queue_trigger SET deleted_at = now() WHERE id = $1", [id]);
    },
  };
}

export const aMessage = (
  fields: Partial<Omit<NewTopicMessage, "body">> & { readonly body?: string } = {},
): NewTopicMessage & { readonly id: string } => ({
  ...{ id: newId(), namespace: "default", topic: "orders", key: null, headers: { "content-type": "text/plain" } },
  ...fields,
  body: Buffer.from(fields.body ?? "a message"),
});
