// Sends a message over HTTP from Node.js 18 or newer, without packages, and waits for its result.
//
//     OUTBOUND_CHAT_URL=http://127.0.0.1:8080 OUTBOUND_CHAT_KEY=oc_... \
//       node examples/send.mjs +12025550123 "Hello" order-17
import { setTimeout as sleep } from "node:timers/promises";

const service = process.env.OUTBOUND_CHAT_URL ?? "http://127.0.0.1:8080";
const key = process.env.OUTBOUND_CHAT_KEY;
const TRIES = 6;

/** One request; repeated while nobody answers or the service asks for patience. */
async function ask(path, { headers, ...options } = {}) {
  for (let tried = 1; ; tried++) {
    let pause = 2 ** tried / 2;
    try {
      const authorization = key ? { Authorization: `Bearer ${key}` } : {};
      const signal = AbortSignal.timeout(90_000);
      const answer = await fetch(service + path, { ...options, headers: { ...headers, ...authorization }, signal });
      if (![429, 503].includes(answer.status) || tried === TRIES) return answer;
      pause = Number(answer.headers.get("Retry-After") ?? pause);
    } catch (error) {
      if (tried === TRIES) throw error;
    }
    await sleep(pause * 1000);
  }
}

/** Enqueues a message: once, however often it is called with the same idempotency key. */
async function enqueue(message, idempotencyKey) {
  const answer = await ask("/v1/jobs", {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": idempotencyKey },
    body: JSON.stringify(message),
  });
  const body = await answer.json();
  if (!answer.ok) {
    const faults = (body.errors ?? []).map(({ field, message }) => `${field} ${message}`);
    throw new Error([`${body.code}: ${body.title}`, ...faults].join("\n  "));
  }
  return body;
}

/** The job when it is final. A request that waits costs the service next to nothing, so nobody asks every second. */
async function wait(job) {
  while (!job.final) {
    const answer = await ask(`/v1/jobs/${job.id}?wait=60`);
    job = await answer.json();
    if (!answer.ok) throw new Error(`${job.code}: ${job.title}`);
  }
  return job;
}

const [to, text, idempotencyKey] = process.argv.slice(2);
const job = await wait(await enqueue({ sender: "demo", to, text }, idempotencyKey));
console.log(`${job.id} ${job.state} ${job.contact_id ?? ""}`);
process.exitCode = job.state === "sent" ? 0 : 1;
