package main

import (
	"slices"
	"strings"
	"testing"
)

// withAlarms is a small manifest whose alarms go there.
func withAlarms(alarms string) string {
	return strings.Replace(small, "us-east-1}", "us-east-1, infra: {alarms: "+alarms+"}}", 1)
}

// TestAddressesAreSubscribedToTheTopic: each once, with names of CloudFormation's that stay apart.
func TestAddressesAreSubscribedToTheTopic(t *testing.T) {
	want := []string{"on.call@example.com", "oncall@example.com"}
	a := other(t, withAlarms("{email: ["+strings.Join(want, ", ")+"]}"))
	var got []string
	for _, r := range a.of("AWS::SNS::Subscription") {
		got = append(got, r.property("Endpoint").(string))
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("subscribed are %q, want %q", got, want)
	}
	if n := len(other(t, small).of("AWS::SNS::Subscription")); n != 0 {
		t.Errorf("%d addresses are subscribed, of none", n)
	}
}

// TestAlarmsGoToATopicThatExists: all of them and EventBridge's rule, and no topic is made, or let at the key.
func TestAlarmsGoToATopicThatExists(t *testing.T) {
	const topic = "arn:aws:sns:us-east-1:111111111111:ops"
	a := other(t, withAlarms(`{topic: "arn:aws:sns:${region}:${account}:ops"}`))
	for _, kind := range []string{"AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "AWS::SNS::Subscription"} {
		if made := a.of(kind); len(made) != 0 {
			t.Errorf("%v are made beside it", made)
		}
	}
	alarms := a.of("AWS::CloudWatch::Alarm")
	if len(alarms) < 10 {
		t.Fatalf("%d alarms", len(alarms))
	}
	for _, r := range alarms {
		if got := texts(r.property("AlarmActions")); !slices.Equal(got, []string{topic}) {
			t.Errorf("%s tells %q", r, got)
		}
		if ends := texts(r.property("OKActions")); len(ends) > 0 && !slices.Equal(ends, []string{topic}) {
			t.Errorf("%s tells %q when it is over", r, ends)
		}
	}
	if rules := slices.DeleteFunc(a.of("AWS::Events::Rule"), func(r resource) bool { return r.property("Targets", 0, "Id") != "topic" }); len(rules) != 1 || rules[0].property("Targets", 0, "Arn") != topic {
		t.Errorf("what EventBridge tells topics is %v", rules)
	}
	for _, r := range a.of("AWS::KMS::Key") {
		if text := string(encoded(t, r.body)); strings.Contains(text, "cloudwatch.amazonaws.com") || !strings.Contains(text, "kms:ViaService") {
			t.Errorf("the key lets in %s", text)
		}
	}
}
