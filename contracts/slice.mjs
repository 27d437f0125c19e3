// Cuts out of GitHub's description of its API, 13 MB, what the driver calls, so that a test reads it in no time.
// npm runs it after each installation.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const here = new URL("./node_modules/", import.meta.url);
const whole = JSON.parse(readFileSync(new URL("@octokit/openapi/generated/api.github.com.json", here)));
const wanted = [
  /^\/repos\/\{owner\}\/\{repo\}\/(actions|environments\/\{environment_name\})\/(secrets|variables)(\/|$)/,
  /^\/repos\/\{owner\}\/\{repo\}\/(installation|environments|environments\/\{environment_name\}|actions\/runs|actions\/organization-secrets)$/,
  /^\/repos\/\{owner\}\/\{repo\}(\/dependabot\/secrets(\/|$)|$)/,
  /^\/orgs\/\{org\}(\/(actions|dependabot)\/(secrets|variables)(\/|$)|\/repos$|\/installation$|$)/,
  /^\/installation\/repositories$/,
  /^\/app\/installations\/\{installation_id\}\/access_tokens$/,
  /^\/rate_limit$/,
];

const { openapi, info } = whole;
const slice = { openapi, info, paths: {}, components: {} };
for (const [path, item] of Object.entries(whole.paths)) {
  if (wanted.some((w) => w.test(path))) slice.paths[path] = item;
}
if (Object.keys(slice.paths).length === 0) throw new Error("GitHub's description has none of the paths");

// take copies what a part refers to, and what that refers to.
function take(part) {
  if (part === null || typeof part !== "object") return;
  if (typeof part.$ref === "string") {
    const [kind, name] = part.$ref.replace("#/components/", "").split("/");
    const known = (slice.components[kind] ??= {});
    if (!known[name]) take((known[name] = whole.components[kind][name]));
    return;
  }
  // Examples are for readers. A property of that name is a schema, and stands below "properties".
  if (part.schema || part.content) delete part.examples;
  Object.values(part).forEach(take);
}
take(slice.paths);
// What GitHub answers where a path's own description says nothing of the status.
take({ $ref: "#/components/schemas/basic-error" });

const out = new URL(".slices/", here);
mkdirSync(out, { recursive: true });
writeFileSync(new URL("github.json", out), JSON.stringify(slice));
