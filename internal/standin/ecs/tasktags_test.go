package ecs_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/internal/standin/ecs"
)

// taggedBook is what a service has told of tags, by ARN.
type taggedBook map[string]map[string]string

func (b taggedBook) note(arn string, tags map[string]string) {
	if b[arn] = maps.Clone(tags); tags == nil {
		delete(b, arn)
	}
}

// listTagged names the resources of a kind that have the tag who, with its value.
func (b taggedBook) listTagged(kind string) (all []string) {
	for arn, tags := range b {
		_, resource, _ := strings.Cut(arn, "111111111111:")
		if found, rest, _ := strings.Cut(resource, "/"); found == kind && tags["who"] != "" {
			if kind == "task" {
				rest, _, _ = strings.Cut(rest, "/")
			}
			all = append(all, rest+"="+tags["who"])
		}
	}
	slices.Sort(all)
	return all
}

func whoTag(value string) []types.Tag {
	return []types.Tag{{Key: aws.String("who"), Value: &value}}
}

func TestEveryChangeOfTagsIsTold(t *testing.T) {
	book := taggedBook{}
	w := newWorld(t, func(c *ecs.Config) { c.Tagged = book.note })
	w.create(w.register("app:1", "v1"), 0, nil)
	want := func(want ...string) {
		t.Helper()
		if got := book.listTagged("service"); !slices.Equal(got, want) {
			t.Errorf("it was told %v, want %v", got, want)
		}
	}
	want()
	must(t, errorOf(w.client.TagResource(t.Context(), &sdk.TagResourceInput{ResourceArn: aws.String(arn), Tags: whoTag("one")})))
	want("main/api=one")
	must(t, errorOf(w.client.TagResource(t.Context(), &sdk.TagResourceInput{ResourceArn: aws.String(arn), Tags: whoTag("two")})))
	want("main/api=two")
	must(t, errorOf(w.client.UntagResource(t.Context(), &sdk.UntagResourceInput{ResourceArn: aws.String(arn), TagKeys: []string{"who"}})))
	want()
	must(t, errorOf(w.client.TagResource(t.Context(), &sdk.TagResourceInput{ResourceArn: aws.String(arn), Tags: whoTag("three")})))
	must(t, errorOf(w.client.DeleteService(t.Context(), &sdk.DeleteServiceInput{Cluster: aws.String("main"), Service: aws.String("api")})))
	want()
}

func TestATaskTakesOverTagsWhereItIsAskedTo(t *testing.T) {
	for name, c := range map[string]struct {
		run  sdk.RunTaskInput
		want string
	}{
		"nothing":             {sdk.RunTaskInput{}, "[]"},
		"of its definition":   {sdk.RunTaskInput{PropagateTags: types.PropagateTagsTaskDefinition}, "[main=definition]"},
		"its own":             {sdk.RunTaskInput{Tags: whoTag("own")}, "[main=own]"},
		"its own before them": {sdk.RunTaskInput{PropagateTags: types.PropagateTagsTaskDefinition, Tags: whoTag("own")}, "[main=own]"},
	} {
		book := taggedBook{}
		w := newWorld(t, func(c *ecs.Config) { c.Tagged = book.note })
		td := w.register("app:1", "v1")
		must(t, errorOf(w.client.TagResource(t.Context(), &sdk.TagResourceInput{ResourceArn: &td, Tags: whoTag("definition")})))
		c.run.Cluster, c.run.TaskDefinition = aws.String("main"), &td
		out, err := w.client.RunTask(t.Context(), &c.run)
		must(t, err)
		if got := fmt.Sprint(book.listTagged("task")); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		w.clock.Advance(time.Minute) // it runs
		must(t, errorOf(w.client.StopTask(t.Context(), &sdk.StopTaskInput{Cluster: aws.String("main"), Task: out.Tasks[0].TaskArn})))
		w.clock.Advance(2 * time.Hour)
		must(t, errorOf(w.client.ListTasks(t.Context(), &sdk.ListTasksInput{Cluster: aws.String("main")})))
		if left := book.listTagged("task"); len(left) > 0 {
			t.Errorf("%s: hours after it stopped there are %v", name, left)
		}
	}
	w := newWorld(t)
	td := w.register("app:1", "v1")
	_, err := w.client.RunTask(t.Context(), &sdk.RunTaskInput{Cluster: aws.String("main"), TaskDefinition: &td, PropagateTags: types.PropagateTagsService})
	if !strings.HasPrefix(errorCode(err), "InvalidParameterException") {
		t.Errorf("a task without a service takes over its tags: %v", err)
	}
	_, err = w.client.RunTask(t.Context(), &sdk.RunTaskInput{Cluster: aws.String("main"), TaskDefinition: &td, Tags: []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("y")}}})
	if !strings.HasPrefix(errorCode(err), "InvalidParameterException") {
		t.Errorf("a tag of AWS's: %v", err)
	}
}

func TestAServicesTasksTakeOverItsTags(t *testing.T) {
	book := taggedBook{}
	w := newWorld(t, func(c *ecs.Config) { c.Tagged = book.note })
	td := w.register("app:1", "v1")
	must(t, errorOf(w.client.CreateService(t.Context(), &sdk.CreateServiceInput{
		Cluster: aws.String("main"), ServiceName: aws.String("web"), TaskDefinition: &td, DesiredCount: aws.Int32(2), PropagateTags: types.PropagateTagsService, Tags: whoTag("web"),
	})))
	w.clock.Advance(time.Minute)
	if got := book.listTagged("task"); !slices.Equal(got, []string{"main=web", "main=web"}) {
		t.Errorf("its tasks are %v", got)
	}
}
