package ecs

import (
	"reflect"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/scheduler"
)

// UpdateSchedule replaces all of a schedule: a member that the SDK learns must be copied, or be named here.
func TestEveryMemberOfAScheduleIsKept(t *testing.T) {
	var s scheduler.GetScheduleOutput
	fillFields(reflect.ValueOf(&s).Elem())
	in := reflect.ValueOf(*sameSchedule(&s))
	for _, f := range reflect.VisibleFields(reflect.TypeFor[scheduler.GetScheduleOutput]()) {
		if !f.IsExported() || slices.Contains([]string{"Arn", "CreationDate", "LastModificationDate", "ResultMetadata"}, f.Name) {
			continue
		}
		if got := in.FieldByName(f.Name); !got.IsValid() || !reflect.DeepEqual(got.Interface(), reflect.ValueOf(s).FieldByIndex(f.Index).Interface()) {
			t.Errorf("%s is lost", f.Name)
		}
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[scheduler.UpdateScheduleInput]()) {
		if f.IsExported() && f.Name != "ClientToken" && in.FieldByIndex(f.Index).IsZero() {
			t.Errorf("%s is never given", f.Name)
		}
	}
}
