// Asks cdk-nag's AwsSolutions pack about the templates that are its arguments. Prints its findings as JSON:
// [{"rule": …, "template": …, "resource": …}].
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { App, LegacyStackSynthesizer, Stack, Validations } from "aws-cdk-lib";
import { CfnInclude } from "aws-cdk-lib/cloudformation-include";
import { AwsSolutionsChecks } from "cdk-nag";

const outdir = mkdtempSync(join(tmpdir(), "nag-"));
process.on("exit", () => rmSync(outdir, { recursive: true }));

const app = new App({ outdir, analyticsReporting: false, stackTraces: false });
for (const templateFile of process.argv.slice(2)) {
  const synthesizer = new LegacyStackSynthesizer(); // another one adds the parameter that the template has already
  new CfnInclude(new Stack(app, basename(templateFile, ".template.json"), { synthesizer }), "Template", { templateFile });
}
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
try {
  app.synth();
} catch { // findings are errors; without a report, the next line fails
}
const { pluginReports } = JSON.parse(readFileSync(join(outdir, "validation-report.json"), "utf8"));
const nag = pluginReports.find((report) => report.pluginName === "AwsSolutions");
const findings = nag.violations.flatMap(({ ruleName, violatingConstructs }) =>
  violatingConstructs.map(({ constructPath }) => {
    const [template, , resource] = constructPath.split("/");
    return { rule: ruleName, template, resource };
  }));
process.stdout.write(JSON.stringify(findings), () => process.exit(0)); // CDK's own exit code counts the findings
