package stage

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// ListVersions returns every version of a secret, those without a label too.
func (s *Stage) ListVersions(ctx context.Context, secret string) (all []types.SecretVersionsListEntry, err error) {
	pages := secretsmanager.NewListSecretVersionIdsPaginator(s.Secrets(), &secretsmanager.ListSecretVersionIdsInput{
		SecretId: &secret, IncludeDeprecated: aws.Bool(true), MaxResults: aws.Int32(100),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Versions...)
	}
	return all, nil
}

// ListServiceTasks returns the ARNs of the tasks of a service that should run.
func (s *Stage) ListServiceTasks(ctx context.Context, service manifest.ECS) (arns []string, err error) {
	pages := ecs.NewListTasksPaginator(s.containers(), &ecs.ListTasksInput{Cluster: &service.Cluster, ServiceName: &service.Service})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		arns = append(arns, page.TaskArns...)
	}
	return arns, nil
}

// ListRevisions returns the ARNs of a family's task definitions of a status, newest first.
func (s *Stage) ListRevisions(ctx context.Context, family string, status ecstypes.TaskDefinitionStatus) (arns []string, err error) {
	pages := ecs.NewListTaskDefinitionsPaginator(s.containers(), &ecs.ListTaskDefinitionsInput{
		FamilyPrefix: &family, Status: status, Sort: ecstypes.SortOrderDesc,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		arns = append(arns, page.TaskDefinitionArns...)
	}
	return arns, nil
}

func (s *Stage) containers() *ecs.Client {
	return ecs.NewFromConfig(s.Config(s.Env.Account, s.Env.Region))
}
