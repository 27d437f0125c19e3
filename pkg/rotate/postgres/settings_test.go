package postgres

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestASettingIsWrittenAsItWasRead(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"work_mem", "9MB", "'9MB'"},
		{"my.own", `it's \x, "y"`, `'it''s \x, "y"'`},
		{"datestyle", "SQL, DMY", "'SQL, DMY'"},
		{"search_path", `"$user", public`, `'$user', 'public'`},
		{"Search_Path", `"Odd, ""name""",public , ""`, `'Odd, "name"', 'public', ''`},
		{"search_path", `"it's"`, `'it''s'`},
		{"search_path", ``, `''`},
		{"temp_tablespaces", `fast,slow`, `'fast', 'slow'`},
		{"session_preload_libraries", `"$libdir/a", b`, `'$libdir/a', 'b'`},
		{"search_path", `"open`, ""},
		{"search_path", `a "b"`, `'a "b"'`},
		{"search_path", `"a" b`, ""},
	} {
		got, err := writeValue(c.name, c.value)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s = %s is written as %s, %v; want %s", c.name, c.value, got, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "open") {
			t.Errorf("the error holds the value: %v", err)
		}
	}
}

func TestAListOfNamesIsTakenApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.String(), 1, 5).Draw(t, "names")
		quoted := make([]string, len(want))
		for i, name := range want {
			quoted[i] = identifier(name)
		}
		got, err := splitList(strings.Join(quoted, ", "))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
	})
}

func TestOnlyWhatDiffersIsSet(t *testing.T) {
	have := settings{"": {"a": "1", "b": "2", "c.d": "3"}, "x y": {"e": "4"}, "same": {"f": "5"}}
	want := settings{"": {"a": "1", "b": "3", "g": "'"}, "same": {"f": "5"}, "new": {"role": "r"}}
	statements, err := have.alterInto(want, `u"`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range statements {
		got = append(got, s.sql)
	}
	if diff := cmp.Diff([]string{
		`ALTER ROLE "u""" RESET "c"."d"`, `ALTER ROLE "u""" SET "b" = '3'`, `ALTER ROLE "u""" SET "g" = ''''`,
		`ALTER ROLE "u""" IN DATABASE "new" SET "role" = 'r'`, `ALTER ROLE "u""" IN DATABASE "x y" RESET "e"`,
	}, got); diff != "" {
		t.Errorf("statements (-want +got):\n%s", diff)
	}
}
