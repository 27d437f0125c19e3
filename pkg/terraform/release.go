package terraform

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const releaseHeading = `# With these blocks Terraform lets go of values without destroying anything. Take the resource blocks that they name
# out of the configuration, and whatever refers to those; then terraform plan says "0 to destroy". Needs Terraform 1.7.
# The state keeps old values until its old versions are deleted: rotate them, then delete those.
`

// anyKey matches the key of one of several instances. A removed block has none: it means all.
var anyKey = regexp.MustCompile(`\[[^\]]*\]`)

// Release returns a file for the root module with which Terraform lets go of what holds values, and, as comments, the
// lines that other resources need so that it leaves to rotary what rotary changes
// (https://developer.hashicorp.com/terraform/language/resources/syntax#removing-resources). It is "" where there is
// nothing to let go of.
func (d *Draft) Release() string {
	if len(d.Holders)+len(d.Changed) == 0 {
		return ""
	}
	var out strings.Builder
	out.WriteString(releaseHeading)
	for _, address := range listAddresses(d.Holders) {
		fmt.Fprintf(&out, "\nremoved {\n  from = %s\n\n  lifecycle {\n    destroy = false\n  }\n}\n", address)
	}
	if len(d.Changed) > 0 {
		out.WriteString("\n# Paste each of these into the resource block that it names:\n")
	}
	for _, r := range d.Changed {
		fmt.Fprintf(&out, "#\n# %s\n#   lifecycle {\n#     %s\n#   }\n", anyKey.ReplaceAllString(r.Address, ""), r.Lines)
	}
	return out.String()
}

// listAddresses returns the addresses of resources without keys, sorted, each once.
func listAddresses(all []Resource) []string {
	var addresses []string
	for _, r := range all {
		addresses = append(addresses, anyKey.ReplaceAllString(r.Address, ""))
	}
	slices.Sort(addresses)
	return slices.Compact(addresses)
}

// CountRelease returns how many removed blocks Release has, and how many resources need lines.
func (d *Draft) CountRelease() (removed, pasted int) {
	return len(listAddresses(d.Holders)), len(d.Changed)
}
