package mysql

import (
	"slices"
	"testing"
)

// TestOnMariaDB runs the rotator on a genuine server with its usual options. Each test finds the server empty.
func TestOnMariaDB(t *testing.T) {
	shared := start(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, *target)
	}{
		{"the other user gets what the current one has and loses the rest", theOtherUserGetsWhatTheCurrentOneHasAndLosesTheRest},
		{"names and passwords mean themselves in any mode of the server", namesAndPasswordsMeanThemselvesInAnyModeOfTheServer},
		{"the clone may come from where the user may", theCloneMayComeFromWhereTheUserMay},
		{"an account that cannot be copied is refused before anything changes", anAccountThatCannotBeCopiedIsRefusedBeforeAnythingChanges},
		{"an account that has become an administrator is not set", anAccountThatHasBecomeAnAdministratorIsNotSet},
		{"a user that a version has held is the source's own", aUserThatAVersionHasHeldIsTheSourcesOwn},
		{"the administrator is nobody's deputy", theAdministratorIsNobodysDeputy},
		{"a source may name a declared replica", aSourceMayNameADeclaredReplica},
		{"a source of each dialect rotates and keeps the rest of its text", aSourceOfEachDialectRotatesAndKeepsTheRestOfItsText},
		{"the shape that RDS makes rotates with a master user that has no host", theShapeThatRDSMakesRotatesWithAMasterUserThatHasNoHost},
		{"nobody connects to a host that the administrator's source does not list", nobodyConnectsToAHostThatTheAdministratorsSourceDoesNotList},
		{"several URLs move together", severalURLsMoveTogether},
		{"an error of the administrator's source stops everything", anErrorOfTheAdministratorsSourceStopsEverything},
		{"a connection is encrypted and checked as the source says", aConnectionIsEncryptedAndCheckedAsTheSourceSays},
		{"retiring ends one credential and changes nothing else", retiringEndsOneCredentialAndChangesNothingElse},
		{"what is refused is dead only if no account has that password", whatIsRefusedIsDeadOnlyIfNoAccountHasThatPassword},
		{"some users are never retired", someUsersAreNeverRetired},
		{"a server that cannot be reached is not dead", aServerThatCannotBeReachedIsNotDead},
		{"a session of the owed user is a veto", aSessionOfTheOwedUserIsAVeto},
		{"an accepted session goes on unless it is to end", anAcceptedSessionGoesOnUnlessItIsToEnd},
		{"a session that nobody has accepted is not ended", aSessionThatNobodyHasAcceptedIsNotEnded},
		{"who may look at whose sessions", whoMayLookAtWhoseSessions},
		{"sessions end only where that is wanted", sessionsEndOnlyWhereThatIsWanted},
		{"sessions end also where the login is refused already", sessionsEndAlsoWhereTheLoginIsRefusedAlready},
		{"sessions of another owed password are left alone", sessionsOfAnotherOwedPasswordAreLeftAlone},
		{"what an older rotation has overwritten is set again", whatAnOlderRotationHasOverwrittenIsSetAgain},
		{"what is still accepted is not retired", whatIsStillAcceptedIsNotRetired},
		{"the server's logs never show a password", theServersLogsNeverShowAPassword},
		{"no error holds anything of a version", noErrorHoldsAnythingOfAVersion},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, shared.empty(t)) })
	}
}

// empty returns the target as it was when it was started.
func (g *target) empty(t *testing.T) *target {
	t.Helper()
	for _, account := range g.Rows(t, "SELECT CONCAT('USER `', REPLACE(User, '`', '``'), '`@`', Host, '`') FROM mysql.user WHERE is_role = 'N' AND User NOT IN ('administrator', 'mariadb.sys')") {
		g.Do(t, "DROP "+account)
	}
	for _, role := range g.Rows(t, "SELECT CONCAT('ROLE `', REPLACE(User, '`', '``'), '`') FROM mysql.user WHERE is_role = 'Y'") {
		g.Do(t, "DROP "+role)
	}
	for _, name := range g.Rows(t, "SHOW DATABASES") {
		if !slices.Contains([]string{"information_schema", "mysql", "performance_schema", "sys"}, name) {
			g.Do(t, "DROP DATABASE "+identifier(name))
		}
	}
	g.Do(t, "SET GLOBAL sql_mode = DEFAULT", "SET GLOBAL sql_quote_show_create = DEFAULT")
	return newTarget(t, g.Server)
}
