// Asks cdk-nag's AwsSolutions pack about templates, each named as an argument. Prints one finding a line: STACK, resource, rule.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { App, LegacyStackSynthesizer, Stack, Validations } from "aws-cdk-lib";
import { CfnInclude } from "aws-cdk-lib/cloudformation-include";
import { AwsSolutionsChecks } from "cdk-nag";

const out = mkdtempSync(join(tmpdir(), "nag-"));
process.on("exit", () => rmSync(out, { recursive: true }));
const app = new App({ outdir: out, analyticsReporting: false });
for (const templateFile of process.argv.slice(2)) {
  new CfnInclude(new Stack(app, basename(templateFile, ".template.json"), { synthesizer: new LegacyStackSynthesizer() }), "T", { templateFile });
}
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
try { app.synth(); } catch (e) { console.error(String(e).slice(0,3000)); }
console.log(readFileSync(join(out, "validation-report.json"), "utf8"));
