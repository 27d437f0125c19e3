package vercel

import (
	"testing"
)

func TestAVariableOfCustomEnvironmentsToo(t *testing.T) {
	b := newBench(t)
	b.AddByHand("dashboard", Variable{Key: "A", Target: []string{"production"}, Custom: []string{"env_staging"}, Visibility: "secret"})
	status, out := b.sendRequest("POST", envPath, variableJSON("A", "1", "encrypted", "production"))
	if status != 400 || errorCode(out) != "ENV_CONFLICT" {
		t.Errorf("status %d, code %v", status, errorCode(out))
	}
	_, out = b.sendRequest("GET", "/v10/projects/dashboard/env", "")
	v := out["envs"].([]any)[0].(map[string]any)
	if v["visibility"] != "secret" || v["customEnvironmentIds"].([]any)[0] != "env_staging" {
		t.Errorf("it is shown as %v, %v", v["visibility"], v["customEnvironmentIds"])
	}
}

func TestCommentsThatAreNotTaken(t *testing.T) {
	for name, c := range map[string]struct {
		set                          func(*bench)
		created, upserted, corrected string
	}{
		"all taken":             {func(*bench) {}, "c", "c", "by patch"},
		"stay in an upsert":     {func(b *bench) { b.CommentsStay("dashboard") }, "c", "by hand", "by patch"},
		"are not kept, not one": {func(b *bench) { b.NoComments("dashboard") }, "", "by hand", "by hand"},
	} {
		b := newBench(t)
		c.set(b)
		comment := func() string { return b.Variables("dashboard")[0].Comment }
		b.sendRequest("POST", envPath, variableJSON("A", "1", "encrypted", "production"))
		if got := comment(); got != c.created {
			t.Errorf("%s: created with %q", name, got)
		}
		b.CommentByHand("dashboard", "A", "production", "by hand")
		b.sendRequest("POST", envPath, variableJSON("A", "2", "encrypted", "production"))
		if got := comment(); got != c.upserted || b.Variables("dashboard")[0].Value != "2" {
			t.Errorf("%s: after the upsert %q", name, got)
		}
		id := b.Variables("dashboard")[0].ID
		b.sendRequest("PATCH", "/v9/projects/dashboard/env/"+id, `{"comment":"by patch","type":"sensitive"}`)
		if v := b.Variables("dashboard")[0]; v.Comment != c.corrected || v.Value != "2" || v.Type != "encrypted" {
			t.Errorf("%s: after the edit %q, %s", name, v.Comment, v.Type)
		}
	}
}

func TestARequestThatIsRefusedForOneOfItsVariables(t *testing.T) {
	b := newBench(t)
	b.RefuseAllWith("dashboard", "B", "VALUE_INVALID_TYPE")
	both := "[" + variableJSON("A", "1", "encrypted", "production") + "," + variableJSON("B", "1", "encrypted", "production") + "]"
	status, out := b.sendRequest("POST", envPath, both)
	failed, _ := out["error"].(map[string]any)["failed"].([]any)
	if status != 400 || errorCode(out) != "VALUE_INVALID_TYPE" || len(failed) != 1 || len(b.Variables("dashboard")) != 0 {
		t.Errorf("status %d, %d failed, %d written", status, len(failed), len(b.Variables("dashboard")))
	}
	b.RefuseAllWith("dashboard", "B", "")
	if status, _ = b.sendRequest("POST", envPath, both); status != 201 {
		t.Errorf("status %d when nothing is refused", status)
	}
}

func TestDomainsThatAreNotAssigned(t *testing.T) {
	b := newBench(t)
	id := b.Push("dashboard", "c1")
	b.clock.Advance(BuildTime)
	_, before := b.sendRequest("GET", "/v13/deployments/"+id, "")
	b.LoseDomains("dashboard")
	_, after := b.sendRequest("GET", "/v13/deployments/"+id, "")
	if before["aliasAssigned"] != true || after["aliasAssigned"] != false {
		t.Errorf("assigned %v, then %v", before["aliasAssigned"], after["aliasAssigned"])
	}
}
