package onboard

import (
	"bytes"
	"encoding/xml"
	"strings"
)

// node is an element of XML. What is written is small and fixed in shape, and
// order counts in all three formats, so that a tree serves better than tags.
type node struct {
	name, text string
	attributes []string // name, value, name, value…
	children   []node
}

func element(name string, children ...node) node { return node{name: name, children: children} }

func leaf(name, text string) node { return node{name: name, text: text} }

// with adds an attribute.
func (n node) with(name, value string) node {
	n.attributes = append(n.attributes[:len(n.attributes):len(n.attributes)], name, value)
	return n
}

// document renders a tree, two blanks a level; head stands before it.
func (n node) document(head string) []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header + head)
	n.write(&b, 0)
	return b.Bytes()
}

func (n node) write(b *bytes.Buffer, level int) {
	indent := strings.Repeat("  ", level)
	b.WriteString(indent + "<" + n.name)
	for i := 0; i+1 < len(n.attributes); i += 2 {
		b.WriteString(" " + n.attributes[i] + `="` + escaped(n.attributes[i+1]) + `"`)
	}
	switch {
	case len(n.children) > 0:
		b.WriteString(">\n")
		for _, c := range n.children {
			c.write(b, level+1)
		}
		b.WriteString(indent + "</" + n.name + ">\n")
	case n.text != "":
		b.WriteString(">" + escaped(n.text) + "</" + n.name + ">\n")
	default:
		b.WriteString("/>\n")
	}
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder takes all
	return b.String()
}
