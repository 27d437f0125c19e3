package manifest

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// oldSignIn holds the sign-in settings of a consumer in the form before, where each consumer had its own.
type oldSignIn struct {
	consumer, kind string
	m              *mappingText
	token, app     *entryText // app may be nil
}

// upgradeConsumers makes a reader of drain, and one sign_in of what the consumers sign in with.
func (u *upgrader) upgradeConsumers(consumers []*entryText) {
	signIns := map[string][]oldSignIn{}
	for _, consumer := range consumers {
		m := u.readMapping(consumer.node)
		if e := m.findEntry("drain"); e != nil && !e.block && m.findEntry("reader") == nil {
			text := m.writeName("reader") + ": {" + u.textOf(e) + "}"
			u.replacePart(e.from, e.to, text, e)
			u.noteChange(e, showPath("consumers", consumer.name, "drain"), "drain is the form before", "", text)
		}
		for _, kind := range []string{"github", "vercel"} {
			if e := m.findEntry(kind); e != nil {
				if old, is := u.readSignIn(consumer.name, kind, u.readMapping(e.node)); is {
					signIns[kind] = append(signIns[kind], old)
				}
			}
		}
	}
	var top []string
	var of *entryText
	for _, kind := range []string{"github", "vercel"} {
		if text := u.writeSignIns(signIns[kind]); text != "" {
			top, of = append(top, text), signIns[kind][0].token
		}
	}
	if of != nil {
		u.addSignIn(top, of)
	}
}

func (u *upgrader) readSignIn(consumer, kind string, m *mappingText) (oldSignIn, bool) {
	old := oldSignIn{consumer, kind, m, m.findEntry("token"), m.findEntry("app_id")}
	if old.token == nil || old.token.block || m.findEntry("sign_in") != nil {
		return old, false
	}
	return old, old.app == nil || !old.app.block && kind == "github"
}

// writeSignIns takes the entries out of their consumers. It returns what stands at the top instead, where all agree, or
// else "": then each consumer has its own.
func (u *upgrader) writeSignIns(all []oldSignIn) string {
	if len(all) == 0 {
		return ""
	}
	first := u.writeSignIn(all[0])
	atTop := u.root.findEntry("sign_in") == nil &&
		!slices.ContainsFunc(all, func(old oldSignIn) bool { return u.writeSignIn(old) != first })
	for _, old := range all {
		path, text := showPath("consumers", old.consumer, old.kind+".token"), u.writeSignIn(old)
		what := old.kind + ": token is the form before"
		if atTop {
			u.removeEntries(old.m, append([]*entryText{old.token}, u.listFound(old.app)...)...)
			text = u.root.writeName("sign_in") + ": {" + u.root.writeName(old.kind) + ": " + text + "}"
			u.noteChange(old.token, path, what, "at the top", text)
			continue
		}
		text = old.m.writeName("sign_in") + ": " + text
		u.replacePart(old.token.from, old.token.to, text)
		u.removeEntries(old.m, u.listFound(old.app)...)
		u.noteChange(old.token, path, what, "", text)
	}
	if !atTop {
		return ""
	}
	return u.root.writeName(all[0].kind) + ": " + first
}

// writeSignIn writes one as the value of github or vercel under sign_in.
func (u *upgrader) writeSignIn(old oldSignIn) string {
	if old.app == nil {
		return "{" + u.textOf(old.token) + "}"
	}
	return "{" + u.textOf(old.app) + ", " + u.renameEntry(old.m, old.token, "private_key") + "}"
}

// addSignIn writes sign_in at the top, before the sources and the comment above them.
func (u *upgrader) addSignIn(texts []string, of *entryText) {
	before := u.root.findEntry("sources")
	if before == nil {
		before = u.root.entries[0]
	}
	if u.root.flow {
		u.insertText(before.from, u.root.writeName("sign_in")+": {"+strings.Join(texts, ", ")+"}, ", of)
		return
	}
	at := u.lineStart(before.from)
	for at > 0 && strings.HasPrefix(u.data[u.lineStart(at-1):], "#") {
		at = u.lineStart(at - 1)
	}
	u.insertText(at, "sign_in:\n  "+strings.Join(texts, "\n  ")+"\n\n", of)
}

// showText writes a text of the manifest on one line, with … for what is not shaped like a name, a number, a duration
// or a template. Under sign_in only keys that a source declares are shown: a token may have been pasted there.
func (u *upgrader) showText(text string) string {
	root := newReport("").parseTree([]byte(text))
	m, is := root.(*ast.MappingNode)
	if !is {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(u.showNode(m, false), "{"), "}")
}

func (u *upgrader) showNode(node ast.Node, strict bool) string {
	var parts []string
	switch node := node.(type) {
	case *ast.MappingNode:
		for _, pair := range node.Values {
			name, _ := readText(pair.Key)
			parts = append(parts, showName(name)+": "+u.showNode(pair.Value, strict || name == "sign_in"))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case *ast.SequenceNode:
		for _, value := range node.Values {
			parts = append(parts, u.showNode(value, strict))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case *ast.BoolNode, *ast.IntegerNode:
		return node.GetToken().Value
	}
	text, _ := readText(node)
	if strict && !u.declared[text] {
		return hidden
	}
	return showName(text)
}

// hidden stands for a text that is not shown.
const hidden = "…"

func showName(text string) string {
	switch {
	case secret.LooksLike(text):
		return hidden
	case secret.IsName(text) && !looksLikeOther.MatchString(text):
		return text
	case secret.IsName(text), shownTemplate.MatchString(text):
		return `"` + text + `"`
	}
	return hidden
}

// showPath returns the path of a field of an entry in a section.
func showPath(section, entry, field string) string {
	if !secret.IsShown(entry) {
		entry = hidden
	}
	return section + "." + entry + "." + field
}

// shownTemplate matches names with ${…} in them.
var shownTemplate = newShape(`^[A-Za-z0-9_-]*(\$\{[a-z_]+\}[A-Za-z0-9_-]*)+$`)

// looksLikeOther matches names that are read as something else without quotes.
var looksLikeOther = newShape(`^([0-9_]+|true|false|null)$`)
