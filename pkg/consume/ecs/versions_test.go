package ecs

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

var nine = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

// labelledAt is a version with a label of a kind with a time, so many seconds after nine.
func labelledAt(kind string, seconds int) history.Version {
	return history.Version{ID: kind, Labels: []string{fmt.Sprintf("%s%d-x", kind, nine.Add(time.Duration(seconds)*time.Second).Unix())}}
}

func TestATaskMayHaveWhatMayHaveBeenCurrentSinceItStarted(t *testing.T) {
	held := history.Version{ID: "held", Labels: []string{history.Held + "held"}}
	for name, c := range map[string]struct {
		version history.Version
		began   time.Time
		want    bool
	}{
		"current":                             {history.Version{Labels: []string{history.AWSCurrent}}, nine, true},
		"current, and replaced before":        {history.Version{Labels: append(labelledAt(history.Past, -600).Labels, history.AWSCurrent)}, nine, true},
		"held":                                {held, nine, true},
		"past since then":                     {labelledAt(history.Past, 1), nine, true},
		"past before, within clocks' skew":    {labelledAt(history.Past, -29), nine, true},
		"past before":                         {labelledAt(history.Past, -31), nine, false},
		"gone since then":                     {labelledAt(history.Gone, 1), nine, true},
		"gone before":                         {labelledAt(history.Gone, -31), nine, false},
		"past before, and when it began?":     {labelledAt(history.Past, -31), time.Time{}, true},
		"gone before, and when it began?":     {labelledAt(history.Gone, -31), time.Time{}, true},
		"a label that does not tell":          {history.Version{Labels: []string{history.AWSPrevious}}, nine, true},
		"no label":                            {history.Version{}, nine, false},
		"no label, and when it began?":        {history.Version{}, time.Time{}, false},
		"past before, gone since then":        {history.Version{Labels: append(labelledAt(history.Past, -600).Labels, labelledAt(history.Gone, 1).Labels...)}, nine, false},
		"gone since then, and past before":    {history.Version{Labels: []string{history.GoneLabel(nine.Add(time.Second), history.History{}.TimedLabel(history.Past, nine.Add(-10*time.Minute), "0123456789"))}}, nine, false},
		"gone and past since then":            {history.Version{Labels: []string{history.GoneLabel(nine.Add(time.Minute), history.History{}.TimedLabel(history.Past, nine.Add(time.Second), "0123456789"))}}, nine, true},
		"past with a time nobody understands": {history.Version{Labels: []string{history.Past + "soon"}}, nine, true},
	} {
		at := here
		at.versions = []history.Version{c.version}
		if got := len(at.currentSince(c.began)) == 1; got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestVersionsThatTasksMayHave(t *testing.T) {
	at := here
	at.others = []string{"web"}
	at.versions = []history.Version{{ID: v1, Labels: []string{history.AWSCurrent}}, {ID: v2, Labels: []string{fmt.Sprintf("%s%d-x", history.Past, nine.Unix())}}}
	for name, c := range map[string]struct {
		containers []string
		want       []string
	}{
		"pinned":                   {[]string{"app A=" + arnOfBucket + ":A::" + v2}, []string{v2}},
		"of the bucket before":     {[]string{"app A=" + arnOfOther + ":A::" + vOther}, []string{vOther}},
		"both":                     {[]string{"app A=" + arnOfOther + ":A::" + vOther, "sidecar B=" + arnOfBucket + ":B::" + v1}, []string{vOther, v1}},
		"of another's container":   {[]string{"app A=" + arnOfBucket + ":A::" + v1, "web A=" + arnOfBucket + ":A::" + v2}, []string{v1}},
		"not pinned":               {[]string{"app A=" + arnOfBucket + ":A::"}, []string{v1}},
		"not pinned, the label":    {[]string{"app A=" + arnOfBucket + ":A:AWSCURRENT:"}, []string{v1}},
		"another label":            {[]string{"app A=" + arnOfBucket + ":A:AWSPREVIOUS:"}, []string{v1, v2}},
		"not pinned, and pinned":   {[]string{"app A=" + arnOfBucket + ":A:: B=" + arnOfBucket + ":B::" + v2}, []string{v1, v2}},
		"the ARN's short form":     {[]string{"app A=" + here.bareARN() + ":A::" + v2}, []string{v2}},
		"something else":           {[]string{"app A=" + ssmParameter + " B=" + arnOfOther + ":B::11111111-1111-4111-8111-111111111111"}, nil},
		"the whole secret, pinned": {[]string{"app A=" + arnOfBucket + ":::" + v2}, []string{v2}},
	} {
		got := at.versionsOf(newOutline(revisionOf(c.containers...)), nine.Add(time.Hour))
		slices.Sort(c.want)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// An outline is small however many entries a container has, and tells nothing that may change.
func TestAnOutlineHasEachPinOnce(t *testing.T) {
	var entries []string
	for i := range 200 {
		entries = append(entries, fmt.Sprintf("A%d=%s:A%d::%s", i, arnOfBucket, i, v1))
	}
	o := newOutline(revisionOf("app " + strings.Join(entries, " ")))
	if len(o.containers) != 1 || !slices.Equal(o.containers[0].pins, []string{arnOfBucket + "::" + ":" + v1}) {
		t.Errorf("%+v", o)
	}
}

func TestACacheIsBounded(t *testing.T) {
	c := NewCache()
	for i := range cacheSize + 10 {
		c.keepRevision(revision{arn: fmt.Sprint("app:", i)})
	}
	if _, kept := c.findOutline("app:0"); kept || c.outlines.Len() != cacheSize {
		t.Errorf("%d are kept", c.outlines.Len())
	}
}

// The content of task definitions is kept as long as all of them take no more than maxContents, each once.
func TestWhatIsKeptOfContentsIsBoundedByBytes(t *testing.T) {
	c, n := NewCache(), 0
	large := strings.Repeat("x", 60<<10)
	for ; n < 2*maxContents/len(large); n++ {
		r := revision{arn: fmt.Sprint("app:", n)}
		r.input.Family = &large
		c.keepRevision(r)
		c.keepRevision(r)
	}
	_, first := c.findContent("app:0")
	_, last := c.findContent(fmt.Sprint("app:", n-1))
	if first || !last || c.size > maxContents || c.size < maxContents/2 || c.contents.Len() > maxContents/len(large) {
		t.Errorf("%d are kept, of %d bytes; the first %v, the last %v", c.contents.Len(), c.size, first, last)
	}
}

// moved is a snapshot in which a deployment went from one revision to another.
func movedSnapshot(from, to string, created time.Time, finished *time.Time) serviceSnapshot {
	l := settledSnapshot()
	l.at.versions = []history.Version{{ID: v1, Labels: []string{history.AWSCurrent}}, labelledAt(history.Past, -600)}
	l.began, l.outlines = map[string]time.Time{"rev-from": nine.Add(-time.Hour), "rev-to": nine}, map[string]outline{}
	l.targets["rev-from"], l.targets["rev-to"] = "from", "to"
	for td, entry := range map[string]string{"from": from, "to": to} {
		o := newOutline(revisionWith(entry))
		l.outlines[td] = o
	}
	l.recent = []types.ServiceDeployment{{
		CreatedAt: &created, FinishedAt: finished, TargetServiceRevision: &types.ServiceRevisionSummary{Arn: aws.String("rev-to")},
		SourceServiceRevisions: []types.ServiceRevisionSummary{{Arn: aws.String("rev-from")}},
	}}
	return l
}

func TestMovesOfAService(t *testing.T) {
	loose, pin := "A="+arnOfBucket+":A::", func(v string) string { return "A=" + arnOfBucket + ":A::" + v }
	ended := nine.Add(5 * time.Minute)
	for name, c := range map[string]struct {
		from, to string
		finished *time.Time
		want     []plan.Move
	}{
		"it goes on":         {pin(v1), pin(v2), nil, []plan.Move{{Version: v1, At: nine}, {Version: v2, At: nine}}},
		"it has ended":       {pin(v1), pin(v2), &ended, []plan.Move{{Version: v1, At: ended}, {Version: v2, At: ended}}},
		"from unpinned":      {loose, pin(v2), nil, []plan.Move{{Version: v1, At: nine}, {Version: v2, At: nine}, {Version: history.Past, At: nine}}},
		"onto unpinned":      {pin(v2), loose, nil, []plan.Move{{Version: v1, At: nine}, {Version: v2, At: nine}}},
		"nothing of rotarys": {"A=" + ssmParameter, "A=" + ssmParameter, nil, nil},
	} {
		if diff := cmp.Diff(c.want, movedSnapshot(c.from, c.to, nine, c.finished).toSeen("api").Moves); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	l := movedSnapshot(pin(v1), pin(v1), nine, nil)
	earlier := l.recent[0]
	earlier.CreatedAt = aws.Time(nine.Add(-time.Minute))
	l.recent = append(l.recent, earlier)
	if diff := cmp.Diff([]plan.Move{{Version: v1, At: nine}}, l.toSeen("api").Moves); diff != "" {
		t.Errorf("two deployments (-want +got):\n%s", diff)
	}
}

func TestRecentDeployments(t *testing.T) {
	ended := nine.Add(-10 * time.Minute)
	briefs := []types.ServiceDeploymentBrief{
		{ServiceDeploymentArn: aws.String("now"), CreatedAt: aws.Time(nine)},
		{ServiceDeploymentArn: aws.String("ended"), CreatedAt: aws.Time(nine.Add(-3 * time.Hour)), FinishedAt: &ended},
		{ServiceDeploymentArn: aws.String("goes on"), CreatedAt: aws.Time(nine.Add(-3 * time.Hour))},
		{ServiceDeploymentArn: aws.String("long ago"), CreatedAt: aws.Time(nine.Add(-3 * time.Hour)), FinishedAt: aws.Time(nine.Add(-12 * time.Minute))},
	}
	var d definitions
	d.now = nine
	if got := selectRecent(briefs, d.recentSince()); !slices.Equal(got, []string{"now", "ended"}) {
		t.Errorf("recent are %v", got)
	}
	d.task.DeploysTake = manifest.Duration(30 * time.Minute)
	if got := selectRecent(briefs, d.recentSince()); !slices.Equal(got, []string{"now", "ended", "long ago"}) {
		t.Errorf("of a pipeline that takes half an hour, recent are %v", got)
	}
}

func TestMovesOfAFamily(t *testing.T) {
	at := here
	at.versions = []history.Version{{ID: v1, Labels: []string{history.AWSCurrent}}, {ID: v2, Labels: []string{history.Held + "x"}}, {ID: "unlabelled"}}
	r := revisionWith("A=" + arnOfBucket + ":A::" + v1)
	for name, c := range map[string]struct {
		changed, registered time.Time
		want                []plan.Move
	}{
		"a schedule was pointed at it": {nine, nine.Add(-time.Hour), []plan.Move{{Version: v1, At: nine}, {Version: v2, At: nine}}},
		"a rule was":                   {time.Time{}, nine, []plan.Move{{Version: v1, At: nine}, {Version: v2, At: nine}}},
		"long ago":                     {nine.Add(-time.Hour), nine, nil},
		"a rule, long ago":             {time.Time{}, nine.Add(-time.Hour), nil},
	} {
		r.registered = c.registered
		l := familySnapshot{targets: []target{{changed: c.changed}}, named: []revision{r}}
		if diff := cmp.Diff(c.want, l.recentMoves(at, nine.Add(-history.Deregistered))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestWhatIsInPlayBeganWithTheFirstDeploymentOrTaskOfIt(t *testing.T) {
	l := settledSnapshot()
	td := l.service.Deployments[0].TaskDefinition
	at := func(minute int) *time.Time { return aws.Time(nine.Add(time.Duration(minute) * time.Minute)) }
	l.service.Deployments[0].CreatedAt = at(5)
	for _, c := range []struct {
		change func()
		want   time.Time
	}{
		{func() {}, *at(5)},
		{func() { l.tasks = []types.Task{{TaskDefinitionArn: td, CreatedAt: at(7)}} }, *at(5)},
		{func() { l.tasks = []types.Task{{TaskDefinitionArn: td, CreatedAt: at(3)}} }, *at(3)}, // still stopping
		{func() {
			l.addAttempt(types.ServiceDeploymentStatusInProgress, *td)
			l.began = map[string]time.Time{"rev-" + *td: *at(1)}
		}, *at(1)},
		{func() { l.tasks = []types.Task{{TaskDefinitionArn: td}} }, time.Time{}},
	} {
		c.change()
		if got := l.definitionsInPlay()[*td]; !got.Equal(c.want) {
			t.Errorf("it began %s, want %s", got, c.want)
		}
	}
	tasks := []types.Task{{TaskDefinitionArn: td, CreatedAt: at(3)}, {TaskDefinitionArn: td, CreatedAt: at(2)}, {TaskDefinitionArn: aws.String("other"), CreatedAt: at(1)}}
	if got := firstCreated(tasks, *td, *at(9)); !got.Equal(*at(2)) {
		t.Errorf("the first task was created %s", got)
	}
	if got := firstCreated(nil, *td, *at(9)); !got.Equal(*at(9)) {
		t.Errorf("no task has started before now: %s", got)
	}
}
