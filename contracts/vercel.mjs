// Checks recorded calls of Vercel's API against what @vercel/sdk, Vercel's own client, says of them.
//
// In:  one call on each line, {"method","url","sent","status","got"}; sent and got are bodies as text.
// Out: one line for each thing that is wrong, {"line","operation","what"}. It never says a value.
//
// The SDK is asked to make the same call. It refuses what its schemas refuse, and its own request must be the very same:
// a field or a parameter that it does not know is missing from it. Then it reads the recorded answer.
import { createInterface } from "node:readline";
import { isDeepStrictEqual } from "node:util";
import { VercelCore } from "@vercel/sdk/core.js";
import { HTTPClient } from "@vercel/sdk/lib/http.js";
import { projectsCreateProjectEnv } from "@vercel/sdk/funcs/projectsCreateProjectEnv.js";
import { projectsEditProjectEnv } from "@vercel/sdk/funcs/projectsEditProjectEnv.js";
import { projectsFilterProjectEnvs } from "@vercel/sdk/funcs/projectsFilterProjectEnvs.js";
import { projectsGetProject } from "@vercel/sdk/funcs/projectsGetProject.js";
import { projectsRemoveProjectEnv } from "@vercel/sdk/funcs/projectsRemoveProjectEnv.js";
import { deploymentsCreateDeployment } from "@vercel/sdk/funcs/deploymentsCreateDeployment.js";
import { deploymentsGetDeployment } from "@vercel/sdk/funcs/deploymentsGetDeployment.js";
import { deploymentsGetDeployments } from "@vercel/sdk/funcs/deploymentsGetDeployments.js";
import { CreateProjectEnvError$inboundSchema } from "@vercel/sdk/models/createprojectenvop.js";

// operations: method, path, the SDK's function, and the names of what the path holds.
const operations = [
  ["GET", /^\/v9\/projects\/([^/]+)$/, projectsGetProject, ["idOrName"]],
  ["GET", /^\/v10\/projects\/([^/]+)\/env$/, projectsFilterProjectEnvs, ["idOrName"]],
  ["POST", /^\/v10\/projects\/([^/]+)\/env$/, projectsCreateProjectEnv, ["idOrName"]],
  ["PATCH", /^\/v9\/projects\/([^/]+)\/env\/([^/]+)$/, projectsEditProjectEnv, ["idOrName", "id"]],
  ["DELETE", /^\/v9\/projects\/([^/]+)\/env\/([^/]+)$/, projectsRemoveProjectEnv, ["idOrName", "id"]],
  ["POST", /^\/v13\/deployments$/, deploymentsCreateDeployment, []],
  ["GET", /^\/v13\/deployments\/([^/]+)$/, deploymentsGetDeployment, ["idOrUrl"]],
  ["GET", /^\/v7\/deployments$/, deploymentsGetDeployments, []],
];

function operationOf(call, url) {
  for (const [method, path, run, names] of operations) {
    const found = path.exec(url.pathname);
    if (method === call.method && found) return { run, held: Object.fromEntries(names.map((n, i) => [n, decodeURIComponent(found[i + 1])])) };
  }
  return undefined;
}

// asked is what the SDK's caller would pass for the call. Its numbers are text in an address.
function asked(call, url, held) {
  const input = { ...held, ...Object.fromEntries(url.searchParams) };
  for (const name of ["limit", "until"]) if (input[name] !== undefined) input[name] = Number(input[name]);
  if (call.sent) input.requestBody = JSON.parse(call.sent);
  return input;
}

async function check(call) {
  const url = new URL(call.url);
  const operation = operationOf(call, url);
  if (!operation) return ["?", [`the SDK has no ${call.method} ${url.pathname}`]];
  const wrong = [];
  let part = "request";
  const fetcher = async (made) => {
    wrong.push(...(await differences(call, url, made)));
    part = "answer";
    return new Response(call.got, { status: call.status, headers: { "Content-Type": "application/json" } });
  };
  const client = new VercelCore({ bearerToken: "t", httpClient: new HTTPClient({ fetcher }), retryConfig: { strategy: "none" } });
  const result = await operation.run(client, asked(call, url, operation.held));
  wrong.push(...judged(call, result).map((what) => `${part} ${what}`));
  return [operation.run.name, wrong];
}

async function differences(call, url, made) {
  const other = new URL(made.url);
  const wrong = [];
  const order = (u) => [...u.searchParams].sort((a, b) => (a[0] < b[0] ? -1 : 1));
  if (made.method !== call.method || other.pathname !== url.pathname) wrong.push(`the SDK calls ${made.method} ${other.pathname}`);
  if (!isDeepStrictEqual(order(other), order(url))) wrong.push(`the SDK asks with the parameters ${order(other).map((p) => p[0])}`);
  const body = await made.text();
  if ((body || call.sent) && !isDeepStrictEqual(JSON.parse(body || "null"), JSON.parse(call.sent || "null"))) wrong.push("the SDK sends another body: it does not know all fields");
  return wrong;
}

// judged is what the SDK said of the request or the answer. Refusals have no schema but that of their failed items.
function judged(call, result) {
  if (result.ok) return [];
  const issues = causeOf(result.error);
  if (issues) return issues;
  if (call.status < 400) return [`the SDK does not take status ${call.status}`];
  return refusal(call);
}

function causeOf(error) {
  for (let e = error; e; e = e.cause) if (Array.isArray(e.issues)) return explain(e.issues);
  return undefined;
}

function refusal(call) {
  const { error } = JSON.parse(call.got);
  if (typeof error?.code !== "string" || typeof error?.message !== "string") return ["an error has a code and a message"];
  return (error.failed ?? []).flatMap((f) => CreateProjectEnvError$inboundSchema.safeParse(f.error).error?.issues ?? []).flatMap((i) => explain([i]));
}

// explain names the place and the rule, of a union those of the branch that fits best.
function explain(issues) {
  return issues.flatMap((i) => {
    if (i.code !== "invalid_union") return [`${i.path.join(".")}: ${i.code}${i.expected ? `, ${i.expected} expected` : ""}`];
    const branches = i.unionErrors.map((u) => explain(u.issues));
    return branches.reduce((a, b) => (b.length < a.length ? b : a));
  });
}

let line = 0;
for await (const text of createInterface({ input: process.stdin })) {
  const [operation, wrong] = await check(JSON.parse(text));
  for (const what of wrong) console.log(JSON.stringify({ line, operation, what }));
  line++;
}
