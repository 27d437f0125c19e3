package main

type importCmd struct {
	Terraform importTerraformCmd `cmd:"" help:"Draft a manifest from Terraform files that rename secrets."`
	Values    importValuesCmd    `cmd:"" help:"Put values from files and from other secrets into the sources."`
}

func (importCmd) Help() string {
	return `It takes nothing over: it writes a manifest for you to read, or puts values as rotary put does. What Terraform, GitHub or Vercel have stays theirs.

docs/tasks/import-terraform.md has the steps, one after the other.`
}
