package policy_test

import (
	"strings"
	"testing"
)

func TestALineIsACaseForEveryOneOfItsLists(t *testing.T) {
	cases, err := parseCases("x.txt", strings.NewReader("# why\n\na/b,admin deny sqs:SendMessage,PurgeQueue sqs:q,sqs:r tag=dev tags=A,B # and so on\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) != 8 {
		t.Fatalf("it is %d cases", len(cases))
	}
	last := cases[7]
	if last.where != "x.txt:3" || last.who != "admin" || last.action != "sqs:PurgeQueue" || last.resource != "arn:aws:sqs:us-east-1:111111111111:r" || len(last.context["aws:TagKeys"].([]string)) != 2 {
		t.Errorf("the last is %+v", last)
	}
}

func TestWhatIsNoCaseIsRefusedWithItsLine(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"too few words":      {"admin deny sqs:SendMessage", "x.txt:1: 3 words are no case"},
		"verdict":            {"admin denies sqs:SendMessage sqs:q", "x.txt:1: denies is no verdict"},
		"action":             {"admin deny SendMessage sqs:q", "x.txt:1: SendMessage is no service:Action"},
		"no service":         {"admin deny :SendMessage sqs:q", "x.txt:1: :SendMessage is no service:Action"},
		"half an ARN":        {"admin deny sqs:SendMessage arn:aws:sqs", "x.txt:1: arn:aws:sqs is no resource"},
		"unknown key":        {"admin deny sqs:SendMessage sqs:q tga=dev", "x.txt:1: tga=dev is no KEY=VALUE"},
		"no value":           {"admin deny sqs:SendMessage sqs:q tag", "x.txt:1: tag is no KEY=VALUE"},
		"key twice":          {"admin deny sqs:SendMessage sqs:q tag=dev tag=a", "x.txt:1: tag stands there twice"},
		"an empty action":    {"admin deny sqs:SendMessage, sqs:q", "x.txt:1: there is nothing between two commas"},
		"somebody empty":     {"admin, deny sqs:SendMessage sqs:q", "x.txt:1: there is nothing between two commas"},
		"the same line":      {"admin deny sqs:SendMessage sqs:q\n\nadmin  deny sqs:SendMessage sqs:q # again", "x.txt:3: it stands in line 1 already"},
		"in the second line": {"# fine\nadmin", "x.txt:2: 1 words are no case"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parseCases("x.txt", strings.NewReader(c.text)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("it says %v, not %s", err, c.want)
			}
		})
	}
}

func TestACaseOfSomebodyOrAGuardThatIsNotThereIsRefused(t *testing.T) {
	w := newWorld(t, "testdata/rotary.yaml")
	for _, line := range []string{"dev/nobody deny sqs:SendMessage sqs:q", "bound/nowhere deny sqs:SendMessage sqs:q", "production/developer deny sqs:SendMessage sqs:q", "admin guard sqs:SendMessage sqs:q"} {
		cases, err := parseCases("x.txt", strings.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.checks(cases[0]); err == nil || !strings.HasPrefix(err.Error(), "x.txt:1: ") {
			t.Errorf("%s: it says %v", line, err)
		}
	}
}
