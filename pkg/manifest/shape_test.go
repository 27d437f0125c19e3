package manifest

import (
	"strings"
	"testing"
)

// TestShapesHaveTheirLengths holds each shape with a bound of its own against texts of that length, and of one more.
func TestShapesHaveTheirLengths(t *testing.T) {
	for name, c := range map[string]struct {
		shape shape
		most  int // as the vendors document it
	}{
		"a secret":              {secretShape, 512},
		"a cluster or service":  {ecsShape, 255},
		"a variable":            {variableShape, 255},
		"an IAM user":           {userShape, 64},
		"a Vercel project":      {projectShape, 100},
		"a Vercel team":         {teamShape, 100},
		"a GitHub organization": {organizationShape, 39},
	} {
		for text, fits := range map[string]bool{
			strings.Repeat("a", c.most): true, strings.Repeat("a", c.most+1): false, "a": true, "": false, "a\n": false, "a b": false, "ä": false,
		} {
			if got := c.shape.MatchString(text); got != fits {
				t.Errorf("%s of %d bytes, %.8q: %v", name, len(text), text, got)
			}
			if got := c.shape.FindStringSubmatch(text) != nil; got != fits {
				t.Errorf("%s of %d bytes, %.8q: %v in parts", name, len(text), text, got)
			}
		}
	}
}
