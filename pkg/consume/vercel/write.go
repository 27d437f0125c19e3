package vercel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// applyWrites makes the writes, and goes on with the next target where one fails. whole is whether production has
// everything.
func (p *Project) applyWrites(ctx context.Context, c targetWrites) (whole bool, err error) {
	whole = true
	var failed []error
	for _, w := range c {
		if err := p.applyWrite(ctx, w); err != nil {
			failed = append(failed, err)
			whole = whole && w.target != production
		}
	}
	return whole, errors.Join(failed...)
}

// applyWrite writes first and deletes last: a renamed variable is never missing under both names.
func (p *Project) applyWrite(ctx context.Context, w targetWrite) error {
	if !w.held && len(w.names) > 0 {
		if err := p.putVariables(ctx, w); err != nil {
			return err
		}
	}
	var failed []error
	for _, v := range w.remove {
		failed = append(failed, p.api.deleteVariable(ctx, p.spec.Project, v))
	}
	return errors.Join(failed...)
}

// putVariables writes w's variables, all in one call, and then sees to those that did not become what was written:
//
//	Vercel answered with    | then
//	------------------------|----------------------------------------------------------------
//	the receipt, the type   | done
//	another comment         | PATCH with value and comment; refused if that does not keep it
//	a type that is readable | deleted and created again, one by one
//
// An error names every variable that is not as it should be. The others are.
func (p *Project) putVariables(ctx context.Context, w targetWrite) error {
	records := w.revealRecords()
	written, err := p.api.upsertVariables(ctx, p.spec.Project, records)
	failed := []error{err}
	for _, v := range written {
		i := slices.IndexFunc(records, func(r record) bool { return r.Key == v.Key })
		if i < 0 || v.Comment == records[i].Comment {
			continue
		}
		failed = append(failed, p.markVariable(ctx, v, records[i]))
	}
	return errors.Join(append(failed, p.makeUnreadable(ctx, written, records))...)
}

// markVariable gives v its receipt. By its documentation, an upsert changes a variable's value and no more
// (vercel.com/docs/rest-api/projects/create-one-or-more-environment-variables).
func (p *Project) markVariable(ctx context.Context, v variable, r record) error {
	if !idShape().MatchString(v.ID) {
		return fmt.Errorf("write variable %s of project %s: vercel's answer has no id", r.Key, p.spec.Project)
	}
	edited, err := p.api.editVariable(ctx, p.spec.Project, v.ID, r)
	if err == nil && edited.Comment != r.Comment {
		err = fmt.Errorf("write variable %s of project %s: vercel does not keep its comment, "+
			"without which it is nobody's",
			r.Key, p.spec.Project)
	}
	return err
}

// makeUnreadable replaces the variables that can be read and should not be: Vercel keeps the type of an existing one,
// so it deletes and creates each again (vercel.com/docs/environment-variables/sensitive-environment-variables). One
// variable at a time is missing, for the time of a call, and no deployment is started meanwhile; the first failure
// ends it. One that is left missing comes back with the next Roll.
func (p *Project) makeUnreadable(ctx context.Context, written []variable, records []record) error {
	for _, r := range records {
		i := slices.IndexFunc(written, func(v variable) bool { return v.Key == r.Key })
		if i < 0 || r.Type != sensitive || written[i].isUnreadable() || !idShape().MatchString(written[i].ID) {
			continue
		}
		if err := p.replaceVariable(ctx, written[i], r); err != nil {
			return err
		}
	}
	return nil
}

// replaceVariable deletes v and creates it as r. Where Vercel refuses that, it creates it as it was.
func (p *Project) replaceVariable(ctx context.Context, v variable, r record) error {
	if err := p.api.deleteVariable(ctx, p.spec.Project, v); err != nil {
		return err
	}
	_, err := p.api.upsertVariables(ctx, p.spec.Project, []record{r})
	if err == nil {
		return nil
	}
	r.Type = encrypted
	_, again := p.api.upsertVariables(ctx, p.spec.Project, []record{r})
	return errors.Join(fmt.Errorf("make variable %s unreadable: %w", r.Key, err), again)
}

// revealRecords reveals the values, at the last moment.
func (w targetWrite) revealRecords() []record {
	var out []record
	for _, name := range w.names {
		out = append(out, record{
			Key: name, Value: secret.Reveal(w.bucket.Values[name]), Type: w.types[name],
			Target: []string{w.target}, Comment: w.receipt,
		})
	}
	return out
}

// describeFailed names what failed by key and code. A key that was not sent is not repeated.
func describeFailed(failed []failedItem, sent []record) string {
	var items []string
	for _, f := range failed {
		name := "a variable"
		if slices.ContainsFunc(sent, func(r record) bool { return r.Key == f.Error.variableName() }) {
			name = f.Error.variableName()
		}
		items = append(items, strings.TrimSpace(name+" "+f.Error.reasonText()))
	}
	slices.Sort(items)
	return strings.Join(items, ", ")
}

// hasFailedKey reports whether failed has key.
func hasFailedKey(failed []failedItem, key string) bool {
	return slices.ContainsFunc(failed, func(f failedItem) bool { return f.Error.variableName() == key })
}

// reasonText returns the code, and for a conflict what to do: an upsert updates a variable only where its targets are
// the very same (getsentry/sentry#118490).
func (f failedError) reasonText() string {
	if !slices.Contains([]code{"ENV_CONFLICT", "ENV_ALREADY_EXISTS", "EXISTING_KEY_AND_TARGET"}, f.Code) {
		return string(f.Code)
	}
	other := "another variable"
	if idShape().MatchString(f.EnvVarID) {
		other += " (" + f.EnvVarID + ")"
	}
	return string(f.Code) + ": " + other + " of that name is for this environment and others, split or remove it"
}

// confirmWritten returns an error for what failed, and for records that the answer does not confirm.
func confirmWritten(doing string, written []variable, failed []failedItem, sent []record) error {
	var missing []string
	for _, r := range sent {
		if !slices.ContainsFunc(written, func(v variable) bool { return v.Key == r.Key }) &&
			!hasFailedKey(failed, r.Key) {
			missing = append(missing, r.Key)
		}
	}
	var wrong []error
	if len(failed) > 0 {
		wrong = append(wrong, fmt.Errorf("%s: vercel refused %s", doing, describeFailed(failed, sent)))
	}
	if len(missing) > 0 {
		wrong = append(wrong, fmt.Errorf("%s: vercel's answer does not confirm %s", doing, strings.Join(missing, ", ")))
	}
	return errors.Join(wrong...)
}
