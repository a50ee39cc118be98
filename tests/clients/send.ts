// Sends a WhatsApp template with the types that openapi-typescript makes of docs/openapi.json, and waits for the result.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

const client = createClient<paths>({
  baseUrl: process.env.OUTBOUND_CHAT_URL,
  headers: { Authorization: `Bearer ${process.env.OUTBOUND_CHAT_KEY}` },
});

const message: components["schemas"]["NewJob"] = {
  sender: "chat",
  to: "+12025550123",
  initial_templated_system_message: {
    KnowledgeBaseId: "5a1b2c3d-1111-4222-8333-444455556666",
    MessageTemplateId: "6a1b2c3d-1111-4222-8333-444455556666",
    TemplateAttributes: { CustomAttributes: { first_name: "Ana" } },
  },
  segment_attributes: { campaign: { ValueString: "autumn" }, wave: 3 },
  idempotency_key: "typescript",
};

// @ts-expect-error: a misspelt member does not compile
const misspelt: components["schemas"]["TemplatedMessageConfig"] = { KnowledgeBaseID: "x" };
// @ts-expect-error: nor does a row without a number
const withoutNumber: components["schemas"]["Row"] = { text: "Hello" };

const { data: job, error } = await client.POST("/v1/jobs", { body: message });
if (error) throw new Error(`${error.code}: ${error.detail}`);
if (!("id" in job)) throw new Error("one job was enqueued, not a list");

const ended = await client.GET("/v1/jobs/{job_id}", { params: { path: { job_id: job.id }, query: { wait: 60 } } });
console.log(`${ended.data?.state} ${ended.data?.id}`);

const refused = await client.POST("/v1/jobs", { body: { sender: "chat", to: "+1202" } });
console.log(`${refused.error?.code} ${refused.error?.errors?.[0]?.field}`);
void [misspelt, withoutNumber];
