package simulation

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/vercel"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// listOperations returns the actions on secrets and sinks that change no value, by name. An action is undone by the
// same action with another argument.
func listOperations() map[string]func(w *World, args []string) error {
	return map[string]func(w *World, args []string) error{
		"scale": scaleService, "unguard": takeBreakerOff, "flaky": makeFlaky,
		"rekey": replaceKey, "archive": archiveRepository, "rename": renameRepository, "hang": hangBuild, "cancel": cancelBuilds,
		"expel": revokeToken, "admit": admitToken, "bin": deleteSecret, "unbin": restoreSecret, "ownkey": ownKey, "newkey": newKey, "dropkeys": dropKeys,
	}
}

// scaleService sets how many tasks a service should have: none, or as many as at first.
func scaleService(w *World, args []string) error {
	desired := int32(2)
	if len(args) == 2 && args[1] == "none" {
		desired = 0
	}
	return w.updateService(args, awsecs.UpdateServiceInput{DesiredCount: &desired})
}

// takeBreakerOff takes the circuit breaker off a service: a rollout that does not succeed is tried for ever.
func takeBreakerOff(w *World, args []string) error {
	return w.updateService(args, awsecs.UpdateServiceInput{DeploymentConfiguration: &ecstypes.DeploymentConfiguration{
		DeploymentCircuitBreaker: &ecstypes.DeploymentCircuitBreaker{Enable: false, Rollback: false},
	}})
}

func (w *World) updateService(args []string, in awsecs.UpdateServiceInput) error {
	c, err := w.findConsumer(args, isECS)
	if err != nil || w.fleet != nil {
		return errNotNow
	}
	defer w.openForOthers()()
	in.Cluster, in.Service = &c.ECS.Cluster, &c.ECS.Service
	_, err = awsecs.NewFromConfig(w.Config(w.Env.Account, w.Env.Region)).UpdateService(w.ctx, &in)
	return err
}

// makeFlaky makes one task more of a service start, and every other exit at once: new tasks are up, and their
// deployment does not complete.
func makeFlaky(w *World, args []string) error {
	c, err := w.findConsumer(args, isECS)
	if err != nil || w.fleet != nil {
		return errNotNow
	}
	app, started := stage.App(w.Env, c), 0
	if len(app.Presents) == 0 {
		return errNotNow
	}
	app.Rejects = func(name, _ string) bool {
		if name == app.Presents[0].Env {
			started++
		}
		return started > 1
	}
	return w.setImage(args, app)
}

// replaceKey replaces a scope's public key, as GitHub does at times.
func replaceKey(w *World, args []string) error {
	c, err := w.findConsumer(args, isGitHub)
	switch {
	case err == nil && c.GitHub.Organization != "":
		w.GitHub.RotateOrganizationKeys(c.GitHub.Organization)
	case err == nil:
		w.GitHub.RotatePublicKey(c.GitHub.Repository, c.GitHub.Environment)
	}
	return err
}

// archiveRepository makes a repository read-only, and writable again with "no".
func archiveRepository(w *World, args []string) error {
	c, err := w.findConsumer(args, isGitHub)
	switch {
	case err != nil:
		return err
	case c.GitHub.Organization != "":
		return errNotNow
	case len(args) == 2:
		w.GitHub.UnarchiveRepository(c.GitHub.Repository)
	default:
		w.GitHub.ArchiveRepository(c.GitHub.Repository)
	}
	return nil
}

// renameRepository gives a repository another name, and its own again with "back".
func renameRepository(w *World, args []string) error {
	c, err := w.findConsumer(args, isGitHub)
	if err != nil {
		return err
	}
	if c.GitHub.Organization != "" {
		return errNotNow
	}
	from, to := c.GitHub.Repository, c.GitHub.Repository+"-renamed"
	if len(args) == 2 {
		from, to = to, from
	}
	w.GitHub.RenameRepository(from, to)
	return nil
}

// hangBuild makes the next deployment of a project never end.
func hangBuild(w *World, args []string) error {
	c, err := w.findConsumer(args, isVercel)
	if err == nil {
		w.Vercel.FailNextBuild(c.Vercel.Project, vercel.Hanging)
	}
	return err
}

// cancelBuilds cancels whatever of a project is not built yet.
func cancelBuilds(w *World, args []string) error {
	c, err := w.findConsumer(args, isVercel)
	if err != nil {
		return err
	}
	for _, id := range w.Vercel.Unfinished(c.Vercel.Project) {
		w.Vercel.CancelBuild(c.Vercel.Project, id)
	}
	return nil
}

// revokeToken makes a sink refuse the token with which rotary comes.
func revokeToken(w *World, args []string) error {
	c, token, err := w.tokenOf(args)
	switch {
	case err != nil:
		return err
	case c.GitHub != nil:
		w.GitHub.RevokeToken(token)
	default:
		w.Vercel.RevokeToken(token)
	}
	return nil
}

// admitToken ends that.
func admitToken(w *World, args []string) error {
	c, token, err := w.tokenOf(args)
	switch {
	case err != nil:
		return err
	case c.GitHub != nil:
		w.GitHub.AddToken(token, stage.Repositories(w.Env, c.GitHub.SignIn.Credential())...)
	default:
		w.Vercel.AddToken(token, c.Vercel.Team)
	}
	return nil
}

func (w *World) tokenOf(args []string) (c manifest.Consumer, token string, err error) {
	c, err = w.findConsumer(args, func(c manifest.Consumer) bool { return isGitHub(c) || isVercel(c) })
	if err != nil {
		return c, "", err
	}
	key := ""
	if c.GitHub != nil {
		key = c.GitHub.SignIn.Credential()
	} else {
		key = c.Vercel.SignIn.Token
	}
	s, _ := w.Env.SourceOf(key)
	return c, secret.Reveal(w.readSource(s)[key]), nil
}

// deleteSecret deletes a source's or a bucket's secret: it can be restored for a month.
func deleteSecret(w *World, args []string) error {
	defer w.openForOthers()()
	_, err := w.Secrets().DeleteSecret(w.ctx, &sdk.DeleteSecretInput{SecretId: aws.String(w.secretName(args)), RecoveryWindowInDays: aws.Int64(30)})
	return err
}

// restoreSecret restores it.
func restoreSecret(w *World, args []string) error {
	defer w.openForOthers()()
	_, err := w.Secrets().RestoreSecret(w.ctx, &sdk.RestoreSecretInput{SecretId: aws.String(w.secretName(args))})
	return err
}

// secretName returns the name in Secrets Manager of a source or a bucket.
func (w *World) secretName(args []string) string {
	if len(args) == 0 {
		return ""
	}
	if s, has := w.Env.Source(args[0]); has {
		return s.Secret
	}
	b, _ := w.Env.Bucket(args[0])
	return b.Secret
}
