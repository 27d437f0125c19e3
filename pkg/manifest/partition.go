package manifest

import "strings"

// Partitions of AWS: an account and everything in it belongs to one, and ARNs begin with it. Nothing of one partition
// knows an ARN of another.

// partition is one of AWS's partitions, with how the names of its regions begin and how the names of its endpoints end.
type partition struct{ regions, id, dnsSuffix string }

// partitions are all but the commercial one, as AWS's SDKs list them
// (https://github.com/aws/aws-sdk-go-v2/blob/main/internal/endpoints/awsrulesfn/partitions.json).
var partitions = []partition{
	{"cn-", "aws-cn", "amazonaws.com.cn"},
	{"us-gov-", "aws-us-gov", "amazonaws.com"},
	{"us-iso-", "aws-iso", "c2s.ic.gov"},
	{"us-isob-", "aws-iso-b", "sc2s.sgov.gov"},
	{"eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"},
	{"us-isof-", "aws-iso-f", "csp.hci.ic.gov"},
	{"eusc-", "aws-eusc", "amazonaws.eu"},
}

// findPartition returns the partition of a region: the commercial one for a region that no other has.
func findPartition(region string) partition {
	for _, p := range partitions {
		if strings.HasPrefix(region, p.regions) {
			return p
		}
	}
	return partition{"", "aws", "amazonaws.com"}
}

// PartitionOf returns the id of a region's partition, the second part of its ARNs: aws, aws-cn, aws-us-gov and so on.
func PartitionOf(region string) string { return findPartition(region).id }

// DNSSuffixOf returns how the names of AWS's endpoints in a region end: amazonaws.com in most.
func DNSSuffixOf(region string) string { return findPartition(region).dnsSuffix }

// Partition returns the id of the partition that the environment's region is in.
func (e *Environment) Partition() string { return PartitionOf(e.Region) }

// ARN returns the ARN of a resource in the environment's account and region.
func (e *Environment) ARN(service, resource string) string {
	return "arn:" + e.Partition() + ":" + service + ":" + e.Region + ":" + e.Account + ":" + resource
}

// IAMARN returns the ARN of a resource of IAM in the environment's account: IAM knows no regions.
func (e *Environment) IAMARN(resource string) string {
	return "arn:" + e.Partition() + ":iam::" + e.Account + ":" + resource
}
