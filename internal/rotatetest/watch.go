package rotatetest

import (
	"testing"

	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// Watch changes a source so many times, each with its retirement, as nothing goes wrong. It calls visit with what is
// currentID: at the start, after each step, and after each retirement. What is owed is retired right after the visit of
// finishSecret: whoever needs it must have followed by then.
func Watch(t *testing.T, w World, changes int, visit func(moment string, current rotate.Values)) {
	t.Helper()
	s := newSource(t, w)
	visit("start", s.readContent(s.currentID()))
	for range changes {
		token := s.beginRotation()
		for _, step := range steps {
			s.must(s.runSteps(s.openJob(), token, step))
			visit(step, s.readContent(s.currentID()))
		}
		s.must(s.retireAll(s.openJob()))
		visit("retired", s.readContent(s.currentID()))
	}
	s.checkEnded(changes)
}
